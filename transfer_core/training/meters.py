"""Clocks of a training: images per second and an estimate of the time left that settles."""

import statistics
import time
from collections import deque

REPORT_INTERVAL_SECONDS = 0.25  # seconds between two `Stepped` events
TIMING_WINDOW_STEPS = 50  # recent steps whose median duration the estimates rest on


class TrainingClock:
    """Durations of steps and validations.

    Args:
        total_steps: Optimiser steps in all epochs.
        steps_per_epoch: Optimiser steps in one epoch.
    """

    def __init__(self, total_steps: int, steps_per_epoch: int) -> None:
        self.total_steps, self.step = total_steps, 0
        self._steps_per_epoch = steps_per_epoch
        self._images, self._seconds = 0, 0.0
        self._recent: deque[tuple[int, float]] = deque(
            maxlen=TIMING_WINDOW_STEPS
        )  # images, seconds
        self._validations: list[float] = []  # seconds
        self._started_at = time.perf_counter()
        self._last_report_at = self._started_at

    def record_step(self, images: int, seconds: float) -> None:
        """Count one optimiser step, from fetching its images to its last weight."""
        self.step += 1
        self._images += images
        self._seconds += seconds
        self._recent.append((images, seconds))

    def record_validation(self, seconds: float) -> None:
        """Count one pass over the validation images."""
        self._validations.append(seconds)

    def should_report(self) -> bool:
        """Whether it is time for another `Stepped`; true at most a few times a second."""
        now = time.perf_counter()
        if now - self._last_report_at < REPORT_INTERVAL_SECONDS:
            return False
        self._last_report_at = now
        return True

    def elapsed_seconds(self) -> float:
        """Seconds since the training began."""
        return time.perf_counter() - self._started_at

    def images_per_second(self) -> float:
        """Training images per second over the recent steps."""
        images, seconds = (sum(values) for values in zip(*self._recent, strict=True))
        return images / seconds

    def mean_images_per_second(self) -> float:
        """Training images per second over all steps; 0 before the first."""
        return self._images / self._seconds if self._seconds else 0.0

    def seconds_left(self) -> float:
        """Remaining steps and validations, each at its median duration."""
        left = self.total_steps - self.step
        step = statistics.median(seconds for _, seconds in self._recent)
        validation = statistics.median(self._validations) if self._validations else 0.0
        return left * step + left / self._steps_per_epoch * validation
