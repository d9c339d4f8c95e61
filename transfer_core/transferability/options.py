"""Options: every way to transfer, with the accuracy that it reaches and the time that it takes."""

from dataclasses import dataclass

from transfer_core.cases import Strategy
from transfer_core.transferability.accuracy_interval import AccuracyInterval

TRAINED_ALIKE = {"4-pretrained": "3", "3": "4-pretrained"}  # keys of one training, two cases


@dataclass(frozen=True, slots=True)
class Option:
    """One way to transfer a network to a data set."""

    key: str  # from `cases.list_strategies`
    strategy: Strategy
    name: str  # for people: "Case 2, cut after Convolution 2"
    accuracy: float | None  # of a run on its test images, reached or expected, in [0, 1]
    low: float | None  # of its interval, 80 % if it is expected; None where nothing is known
    high: float | None
    seconds_low: float | None  # that a run takes on this computer; None where it was not timed
    seconds_high: float | None
    measured: bool  # by cross-validation on these images; False: forecast
    recommended: bool
    note: str = ""  # for people: why nothing is known, or what is not
    runs: int = 0  # finished runs whose mean test accuracy it is; 0: none, it is expected
    expected: AccuracyInterval | None = None  # before the runs; None without runs or if unknown

    @property
    def expectation(self) -> AccuracyInterval | None:
        """What is expected of a run, whether or not there was one; None if nothing is known."""
        if self.runs or self.accuracy is None:
            return self.expected
        return AccuracyInterval(self.accuracy, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Options:
    """All options for a network and a data set, and the one to take."""

    options: tuple[Option, ...]  # in the order of `cases.list_strategies`
    minutes: float  # that the person allows
    reason: str  # for people: why the recommended option, and why not another

    @property
    def recommended(self) -> Option | None:
        """The most accurate option within the minutes; None if nothing is known."""
        return next((each for each in self.options if each.recommended), None)

    def find(self, key: str) -> Option:
        """Return the option with this key.

        Raises:
            KeyError: If there is none.
        """
        return {each.key: each for each in self.options}[key]
