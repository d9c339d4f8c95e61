"""Clocks of a training: images per second and an estimate of the time left that settles."""

import statistics
import time
from collections import deque

REPORT_EVERY = 0.25  # seconds between two `Stepped` events
TIMED_STEPS = 50  # recent steps whose median duration the estimates rest on


class Clock:
    """Durations of steps and validations.

    Args:
        steps: Optimiser steps in all epochs.
        steps_per_epoch: Optimiser steps in one epoch.
    """

    def __init__(self, steps: int, steps_per_epoch: int) -> None:
        self.steps, self.step = steps, 0
        self._steps_per_epoch = steps_per_epoch
        self._images, self._seconds = 0, 0.0
        self._recent: deque[tuple[int, float]] = deque(maxlen=TIMED_STEPS)  # images, seconds
        self._validations: list[float] = []  # seconds
        self._began = time.perf_counter()
        self._reported = self._began

    def stepped(self, images: int, seconds: float) -> None:
        """Count one optimiser step, from fetching its images to its last weight."""
        self.step += 1
        self._images += images
        self._seconds += seconds
        self._recent.append((images, seconds))

    def validated(self, seconds: float) -> None:
        """Count one pass over the validation images."""
        self._validations.append(seconds)

    def report_is_due(self) -> bool:
        """Whether it is time for another `Stepped`; true at most a few times a second."""
        now = time.perf_counter()
        if now - self._reported < REPORT_EVERY:
            return False
        self._reported = now
        return True

    def elapsed(self) -> float:
        """Seconds since the training began."""
        return time.perf_counter() - self._began

    def images_per_second(self) -> float:
        """Training images per second over the recent steps."""
        images, seconds = (sum(values) for values in zip(*self._recent, strict=True))
        return images / seconds

    def mean_images_per_second(self) -> float:
        """Training images per second over all steps; 0 before the first."""
        return self._images / self._seconds if self._seconds else 0.0

    def seconds_left(self) -> float:
        """Remaining steps and validations, each at its median duration."""
        left = self.steps - self.step
        step = statistics.median(seconds for _, seconds in self._recent)
        validation = statistics.median(self._validations) if self._validations else 0.0
        return left * step + left / self._steps_per_epoch * validation
