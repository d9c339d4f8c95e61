"""Seconds of the steps of a run, as plain data."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Seconds that a piece of work takes: the least and the most."""

    low: float
    high: float

    @classmethod
    def from_samples(cls, seconds: list[float]) -> "TimeRange":
        """The range of measured durations: their 10 % and 90 % quantiles."""
        return cls(*map(float, np.quantile(seconds, (0.1, 0.9))))

    def __mul__(self, factor: float) -> "TimeRange":
        return TimeRange(self.low * factor, self.high * factor)

    def __add__(self, other: "TimeRange") -> "TimeRange":
        return TimeRange(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class StepCosts:
    """Seconds of each kind of step that a strategy takes on a network."""

    build: TimeRange  # building the network and its surgery
    image: TimeRange  # forward pass of an image through the trained network, as in validation
    exact: TimeRange  # the same in float32, as in the test
    embed: TimeRange  # embedding an image with the faster runtime
    step: TimeRange  # optimiser step on a whole batch
    epoch: TimeRange  # end of an epoch without validation: check of weights, copy of the best
