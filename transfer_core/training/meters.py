"""Meters of the training loop: time, mean loss and accuracy, and the change of each stage."""

import statistics
import time
from collections import deque

import torch
from torch import nn

from transfer_core.training.events import StageChange, Stepped

REPORT_INTERVAL_SECONDS = 0.25  # seconds between two `Stepped` events
TIMING_WINDOW_STEPS = 50  # recent steps whose median duration the estimates rest on


class TrainingClock:
    """Measures the duration of steps and validations and estimates the time left.

    Args:
        total_steps: Optimiser steps in all epochs.
        steps_per_epoch: Optimiser steps in one epoch.
    """

    def __init__(self, total_steps: int, steps_per_epoch: int) -> None:
        self.total_steps, self.step = total_steps, 0
        self._steps_per_epoch = steps_per_epoch
        self._images, self._step_seconds = 0, 0.0
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
        self._step_seconds += seconds
        self._recent.append((images, seconds))

    def record_validation(self, seconds: float) -> None:
        """Count one pass over the validation images."""
        self._validations.append(seconds)

    def should_report(self) -> bool:
        """Return whether another `Stepped` is due; true at most a few times a second."""
        now = time.perf_counter()
        if now - self._last_report_at < REPORT_INTERVAL_SECONDS:
            return False
        self._last_report_at = now
        return True

    def elapsed_seconds(self) -> float:
        """Seconds of training, those before an interruption included."""
        return time.perf_counter() - self._started_at

    def images_per_second(self) -> float:
        """Training images per second over the recent steps."""
        images, seconds = (sum(values) for values in zip(*self._recent, strict=True))
        return images / seconds

    def mean_images_per_second(self) -> float:
        """Training images per second over all steps; 0 before the first."""
        return self._images / self._step_seconds if self._step_seconds else 0.0

    def seconds_left(self) -> float:
        """Estimate the time until the last epoch from the median step and validation."""
        left = self.total_steps - self.step
        step = statistics.median(seconds for _, seconds in self._recent)
        validation = statistics.median(self._validations) if self._validations else 0.0
        return left * step + left / self._steps_per_epoch * validation

    def report(self, epoch: float, recent: "RunningMetrics", learning_rate: float) -> Stepped:
        """Return the event that reports the steps since the last one."""
        return Stepped(
            self.step,
            epoch,
            *recent.compute_means(),
            learning_rate,
            self.images_per_second(),
            self.seconds_left(),
        )

    def capture_state(self) -> dict[str, float]:
        """Return the totals from which a resumed training continues."""
        return {
            "step": self.step,
            "images": self._images,
            "step_seconds": self._step_seconds,
            "elapsed_seconds": self.elapsed_seconds(),
        }

    def load_state(self, state: dict[str, float]) -> None:
        """Continue from the totals of `capture_state`."""
        self.step, self._images = int(state["step"]), int(state["images"])
        self._step_seconds = state["step_seconds"]
        self._started_at = time.perf_counter() - state["elapsed_seconds"]


class RunningMetrics:
    """Mean loss and accuracy over batches of different sizes."""

    def __init__(self) -> None:
        self._loss, self._correct, self._images = 0.0, 0, 0

    def add(self, loss: float, correct: int, images: int) -> None:
        """Add one batch, given its mean loss and its number of correct predictions."""
        self._loss += loss * images
        self._correct += correct
        self._images += images

    def capture_state(self) -> list[float]:
        """Return the sums, from which `load_state` continues."""
        return [self._loss, self._correct, self._images]

    def load_state(self, state: list[float]) -> None:
        """Continue from the sums of `capture_state`."""
        self._loss, self._correct, self._images = state

    def compute_means(self) -> tuple[float, float]:
        """Return the loss in nats per image and the accuracy in [0, 1]."""
        return self._loss / self._images, self._correct / self._images


class WeightChangeMeter:
    """Measures how far each stage has moved from its start; a frozen stage must not move.

    Args:
        network: An adapted network before its first step; its values are copied.
        frozen_stages: Names of the stages that must not move.
    """

    def __init__(self, network: nn.Sequential, frozen_stages: tuple[str, ...]) -> None:
        self._network, self._frozen_stages = network, frozen_stages
        self._start = {name: value.clone() for name, value in network.state_dict().items()}
        self._squares: dict[str, float] = {}  # sum of squares at the start, as far as asked for

    @torch.no_grad()
    def measure(self) -> tuple[StageChange, ...]:
        """Return one `StageChange` per stage, input to output."""
        return tuple(
            self._measure_stage(name, stage) for name, stage in self._network.named_children()
        )

    def _measure_stage(self, name: str, stage: nn.Module) -> StageChange:
        moved = squared = 0.0
        for key, now in stage.named_parameters(prefix=name):
            # Compare before subtracting: NaN and rounding cannot pass for "no change".
            if not torch.equal(now, self._start[key]):
                moved += (now - self._start[key]).double().square().sum().item()
            if key not in self._squares:
                self._squares[key] = self._start[key].double().square().sum().item()
            squared += self._squares[key]
        statistics_moved = any(
            not torch.equal(now, self._start[key]) for key, now in stage.named_buffers(prefix=name)
        )
        change = (moved / squared) ** 0.5 if squared else 0.0
        return StageChange(name, name in self._frozen_stages, change, statistics_moved)
