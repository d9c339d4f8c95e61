"""All transferability measurements of one network on one sample of labelled images."""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass, fields

import numpy as np

ALL_STAGES = "all-stages"  # name of what is measured over all kept stages together
DECIMALS = 4  # of every stored measurement: the next ones differ between processors
TIE = 0.005  # accuracies this close are equal; so no choice of a stage hangs on one image
MIN_RETAINED_LEAD = 0.85  # share of the lead over guessing; labels that lose more change
MAX_STANDARD_ERRORS = 2.0  # a smaller loss may be chance


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Accuracy of a new layer on one stage, measured and extrapolated."""

    stage: str
    images: tuple[float, ...]  # training images per class
    accuracy: tuple[float, ...]  # balanced, mean over the repeats, in [0, 1]
    standard_deviation: tuple[float, ...]  # over the repeats
    extrapolated_images_per_class: tuple[float, ...]  # as many as there are, and more
    expected: tuple[float, ...]  # accuracy there, if the curve goes on as it began


@dataclass(frozen=True, slots=True)
class FlipInvariance:
    """Accuracy of one new layer on held-out images and on their flipped copies."""

    original_accuracy: float  # in [0, 1]
    mirrored: float  # in [0, 1]
    error: float  # standard error of the difference


@dataclass(frozen=True, slots=True)
class StageEvidence:
    """Measurements of one stage, or of all kept stages together."""

    stage: str
    title: str
    accuracy: float  # balanced accuracy of a new layer there, in [0, 1]
    low: float  # of its 95 % interval
    high: float
    untrained_accuracy: float | None  # of a new layer on random weights; None if not measured
    distance: float | None  # batch-norm shift in nats; None for a stage without batch norm
    plain_accuracy: float  # share of all images that are right, as a run reports it


ReportStage = Callable[[StageEvidence], None]  # told each stage as soon as it is measured


@dataclass(frozen=True, slots=True)
class BootstrapDraws:
    """The predictors of the calibration models, once per bootstrap sample of the images.

    All four values of one draw belong to the same bootstrap sample.
    """

    gap: tuple[float, ...]  # percentage points
    gain: tuple[float, ...]  # percentage points
    leep: tuple[float, ...]
    skill: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TransferabilityEvidence:
    """All transferability measurements of one network on one sample of labelled images."""

    images: int  # in the sample; none of them is a test image
    independent_images: int  # in it; near-duplicates and the frames of a burst count once
    num_near_duplicates: int  # images of the sample that nearly repeat another one
    classes: int
    min_images_per_class: int  # images of the smallest class
    stages: tuple[StageEvidence, ...]  # one per kept stage, input to output
    all_stages: StageEvidence  # a new layer over the outputs of all kept stages together
    early: int  # number of early stages, where case 2 may cut
    draws: BootstrapDraws  # how uncertain the measurements are
    distance: float | None  # batch-norm shift of the last early stage, nats; None without
    leep: float  # share of the labels' information that the source classes carry, at most 1
    energy: float  # how strongly the source classes respond
    pixels: float  # balanced accuracy of a new layer on bare pixels
    best_cut: str  # the stage after which case 2 should cut
    learning_curve: LearningCurve | None = None  # of `best_stage`
    flip_invariance: FlipInvariance | None = None  # there; both None with too few images

    @property
    def top(self) -> StageEvidence:
        """The last kept stage."""
        return self.stages[-1]

    @property
    def best_stage(self) -> StageEvidence:
        """The deepest of the stages that are best."""
        return self.stages[find_best([stage.accuracy for stage in self.stages])]

    @property
    def best_early_stage(self) -> StageEvidence:
        """The deepest of the early stages that are best."""
        return self.stages[find_best([stage.accuracy for stage in self.stages[: self.early]])]

    @property
    def gap(self) -> float:
        """Accuracy of the best early stage minus that of the top, in [-1, 1]."""
        return self.best_early_stage.accuracy - self.top.accuracy

    @property
    def accuracy_without_pretraining(self) -> float:
        """The best accuracy of a new layer on bare pixels or on stages with random weights."""
        untrained = (stage.untrained_accuracy for stage in self.stages)
        return max([self.pixels, *(each for each in untrained if each is not None)])

    @property
    def pretraining_gain(self) -> float:
        """Accuracy of the best stage minus the best accuracy without pre-training."""
        return self.best_stage.accuracy - self.accuracy_without_pretraining

    @property
    def is_flip_invariant(self) -> bool:
        """Whether training images may be mirrored: False only if that surely does harm."""
        if self.flip_invariance is None:
            return True
        plain, mirrored, error = astuple(self.flip_invariance)
        chance = 1 / self.classes
        return (
            mirrored - chance >= MIN_RETAINED_LEAD * (plain - chance)
            or plain - mirrored <= MAX_STANDARD_ERRORS * error
        )

    def get_predictors(self) -> dict[str, float]:
        """Return the inputs of the calibration models by name.

        "gap" and "gain" are in percentage points. "skill" is the accuracy of the best stage, 0 at
        guessing and 1 at the most. Without batch norm there is no "log_distance".
        """
        distance = {} if self.distance is None else {"log_distance": log_distance(self.distance)}
        return distance | {
            "gap": 100 * self.gap,
            "gain": 100 * self.pretraining_gain,
            "leep": self.leep,
            "energy": self.energy,
            "skill": compute_skill(self.best_stage.accuracy, self.classes),
        }

    def sample_predictors(self) -> dict[str, float | np.ndarray]:
        """Return the same with one value per bootstrap draw for all that varies, shape (B,)."""
        varying = {name: np.array(values) for name, values in asdict(self.draws).items()}
        return self.get_predictors() | varying

    def summarise(self) -> dict:
        """Return all measurements as plain values, without the bootstrap draws."""
        values = asdict(self) | {"gap": self.gap, "pretraining_gain": self.pretraining_gain}
        del values["draws"]
        return values


def from_json(values: dict) -> TransferabilityEvidence:
    """Build evidence from the result of `dataclasses.asdict`; other keys are ignored."""
    values = {field.name: values[field.name] for field in fields(TransferabilityEvidence)}
    values["stages"] = tuple(StageEvidence(**stage) for stage in values["stages"])
    values["all_stages"] = StageEvidence(**values["all_stages"])
    values["draws"] = BootstrapDraws(**{n: tuple(v) for n, v in values["draws"].items()})
    if values["learning_curve"]:
        lists = {name: tuple(v) for name, v in values["learning_curve"].items() if name != "stage"}
        values["learning_curve"] = LearningCurve(stage=values["learning_curve"]["stage"], **lists)
    if values["flip_invariance"]:
        values["flip_invariance"] = FlipInvariance(**values["flip_invariance"])
    return TransferabilityEvidence(**values)


def find_best(accuracies: list[float]) -> int:
    """Return the index of the last of those accuracies that equal the best one within `TIE`."""
    best = max(accuracies)
    return max(i for i, accuracy in enumerate(accuracies) if accuracy >= best - TIE)


def compute_skill(accuracy: float | np.ndarray, classes: int) -> float | np.ndarray:
    """Return balanced accuracy rescaled to 0 for guessing and 1 for no error."""
    return (accuracy - 1 / classes) / (1 - 1 / classes)


def round_values(values: Iterable[float]) -> tuple[float, ...]:
    """Round measurements to the decimals that are stored."""
    return tuple(round(float(value), DECIMALS) for value in values)


def log_distance(distance: float) -> float:
    """Natural logarithm of a distance, finite at 0."""
    return math.log(max(distance, 1e-4))
