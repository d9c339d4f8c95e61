"""What was expected of a run when it was started, to compare its result with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from transfer_core.networks import SourceNetwork, get_network

if TYPE_CHECKING:
    from transfer_core.cases import Strategy
    from transfer_core.transferability import Option


@dataclass(frozen=True, slots=True)
class Expectation:
    """The accuracy and the time that Decide told for an option."""

    option: str  # its key, from `cases.list_strategies`
    measured: bool  # by cross-validation on these images; False: forecast
    accuracy: float | None  # on the test images, in [0, 1]; None where nothing was known
    low: float | None  # of the 80 % interval of that accuracy
    high: float | None
    seconds_low: float | None  # that the run takes; None where it was not timed
    seconds_high: float | None

    def holds_accuracy(self, accuracy: float) -> bool | None:
        """Whether an accuracy lies inside the interval; None if there is none.

        Both are taken as they are shown, the interval in whole percent and the accuracy in tenths,
        so that no sentence contradicts its own numbers.
        """
        if self.low is None or self.high is None:
            return None
        return round(self.low, 2) <= round(accuracy, 3) <= round(self.high, 2)

    def holds_seconds(self, seconds: float | None) -> bool | None:
        """Whether a duration lies inside the range; None if one of both is not known."""
        if None in (seconds, self.seconds_low, self.seconds_high):
            return None
        return self.seconds_low <= seconds <= self.seconds_high


def make_expectation(
    option: Option, source: SourceNetwork, strategy: Strategy
) -> Expectation | None:
    """Return what is expected of a run; None if it is not the option as it was told.

    What was told holds for the network's own input size and the option's own settings. With
    another learning rate, say, nothing was told, and the result neither confirms nor refutes it.
    Nor is anything expected of an option that was run before: its result is known.

    Args:
        option: What was chosen.
        source: The network, at the input size of the run.
        strategy: Of the run.
    """
    if option.runs or strategy != option.strategy or source != get_network(source.name):
        return None
    return Expectation(
        option.key,
        option.measured,
        option.accuracy,
        option.low,
        option.high,
        option.seconds_low,
        option.seconds_high,
    )
