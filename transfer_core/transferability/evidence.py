"""What a network and a sample of labelled images say together, as plain data."""

import math
from dataclasses import astuple, dataclass, fields

import numpy as np

MIN_RETAINED_LEAD = (
    0.85  # of its lead over guessing that a probe must keep where labels survive mirroring
)
MAX_STANDARD_ERRORS = 2.0  # standard errors


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Accuracy of a probe on one stage, measured and continued."""

    stage: str
    images: tuple[float, ...]  # per class, that the probe learned from
    accuracy: tuple[float, ...]  # balanced, mean over the repeats, in [0, 1]
    standard_deviation: tuple[float, ...]  # standard deviation over the repeats
    extrapolated_images_per_class: tuple[float, ...]  # images per class, beyond those there are
    expected: tuple[float, ...]  # accuracy there, if the curve goes on as it began


@dataclass(frozen=True, slots=True)
class FlipInvariance:
    """One probe's accuracy on images that it has not seen, and on their mirror images."""

    original_accuracy: float  # in [0, 1]
    mirrored: float  # in [0, 1]
    error: float  # standard error of the difference


@dataclass(frozen=True, slots=True)
class StageEvidence:
    """What one stage says."""

    stage: str
    title: str
    accuracy: float  # balanced accuracy of the probe, in [0, 1]
    low: float  # of its 95 % interval
    high: float
    untrained_accuracy: float  # the same, where the network has random weights
    distance: float | None  # of the stage's statistics from the source's, nats; None without


@dataclass(frozen=True, slots=True)
class TransferabilityEvidence:
    """What a network and a sample of labelled images say together."""

    images: int  # in the sample; none of them a test image
    num_near_duplicates: int  # of them are near-copies of others
    classes: int
    min_images_per_class: int  # images of the smallest class
    stages: tuple[StageEvidence, ...]  # one per kept stage, input to output
    early: int  # how many of them are early, where case 2 may cut
    gap: float  # accuracy of the best early stage less that of the top; mean over draws
    gap_standard_deviation: float  # its standard deviation
    distance: float | None  # at the end of the early stages, nats; None without statistics
    leep: float  # of the labels' information that the source classes carry, at most 1
    energy: float  # how strongly the source classes respond
    pixels: float  # balanced accuracy of a probe on bare pixels
    best_cut: str  # the stage after which case 2 should cut
    learning_curve: LearningCurve | None  # of the stage that tells the classes apart best
    flip_invariance: FlipInvariance | None  # at that stage; both None with too few images

    @property
    def top(self) -> StageEvidence:
        """The last kept stage."""
        return self.stages[-1]

    @property
    def best_early_stage(self) -> StageEvidence:
        """The early stage whose features tell the classes apart best."""
        return max(self.stages[: self.early], key=lambda stage: stage.accuracy)

    @property
    def pretraining_gain(self) -> float:
        """Accuracy that pre-training buys: the best stage's, less the best without it."""
        without = max(self.pixels, *(stage.untrained_accuracy for stage in self.stages))
        return max(stage.accuracy for stage in self.stages) - without

    @property
    def is_flip_invariant(self) -> bool:
        """Whether mirrored images may be trained on: False only where it surely does harm."""
        if self.flip_invariance is None:
            return True
        plain, mirrored, error = astuple(self.flip_invariance)
        chance = 1 / self.classes
        return (
            mirrored - chance >= MIN_RETAINED_LEAD * (plain - chance)
            or plain - mirrored <= MAX_STANDARD_ERRORS * error
        )

    def named(self, gap: float | np.ndarray | None = None) -> dict[str, float | np.ndarray]:
        """The readings that a calibration may use, by name.

        Args:
            gap: To judge by in place of the mean, for instance one of many draws.
        """
        best = max(stage.accuracy for stage in self.stages)
        distance = {} if self.distance is None else {"log_distance": log_distance(self.distance)}
        return distance | {
            "gap": 100 * (self.gap if gap is None else gap),
            "gain": 100 * self.pretraining_gain,
            "leep": self.leep,
            "energy": self.energy,
            "skill": (best - 1 / self.classes) / (1 - 1 / self.classes),
        }


def from_json(values: dict) -> TransferabilityEvidence:
    """The inverse of `dataclasses.asdict`."""
    values = {
        name: values[name] for name in (field.name for field in fields(TransferabilityEvidence))
    }
    values["stages"] = tuple(StageEvidence(**stage) for stage in values["stages"])
    if values["learning_curve"]:
        lists = {name: tuple(v) for name, v in values["learning_curve"].items() if name != "stage"}
        values["learning_curve"] = LearningCurve(stage=values["learning_curve"]["stage"], **lists)
    if values["flip_invariance"]:
        values["flip_invariance"] = FlipInvariance(**values["flip_invariance"])
    return TransferabilityEvidence(**values)


def log_distance(distance: float) -> float:
    """Natural logarithm of a distance, finite at 0."""
    return math.log(max(distance, 1e-4))
