"""Seconds of the steps of a run, as plain data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Seconds that a piece of work takes: the least and the most."""

    low: float
    high: float

    def __add__(self, other: "TimeRange") -> "TimeRange":
        return TimeRange(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class NetworkCosts:
    """Measured seconds of a network's forward pass, whatever is then trained.

    The dictionaries have a value for each stage but the last, input to output.
    """

    build: float  # building the network and its surgery
    exact: float  # forward pass of an image through all stages in float32, as in the test
    embed: float  # embedding an image with the faster runtime
    shares: dict[str, float]  # fraction of the forward pass that the stage takes
    checks: dict[str, float]  # seconds of the check whether the stage's weights have moved
    features: dict[str, int]  # inputs of a head after the stage


@dataclass(frozen=True, slots=True)
class TrainingCosts:
    """Measured seconds of a training's steps."""

    step: float  # of an optimiser step, whatever its batch
    image: float  # of each image in the batch, on top
    epoch: float  # end of an epoch without validation
    validation: float  # of an image, in the precision of the steps; 0 for a head


@dataclass(frozen=True, slots=True)
class StepCosts:
    """Seconds of each kind of step that a strategy takes on a network."""

    build: float  # building the network and its surgery
    image: float  # forward pass of an image through the trained network, as in validation
    exact: float  # the same in float32, as in the test
    embed: float  # embedding an image with the faster runtime
    step: float  # optimiser step on a whole batch
    epoch: float  # end of an epoch without validation: check of weights, copy of the best
