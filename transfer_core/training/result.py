"""The result of a run on its test images, as plain data that needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """Precision and recall of one class on the test images."""

    name: str
    precision: float  # share of the images predicted as this class that are of it; 0 if none
    recall: float  # share of the images of this class that were predicted as it
    support: int  # test images of this class


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of a run."""

    images: int  # test images
    accuracy: float  # fraction in [0, 1]
    low: float  # of the 95 % interval
    high: float
    majority_class: str  # the largest class of the training images
    majority_accuracy: float  # on the test images, of always guessing that class
    macro_f1: float  # mean of the classes' F1 scores
    loss: float  # nats per image
    validation_accuracy: float | None  # of the same weights; None if no epoch ended
    confusion: tuple[tuple[int, ...], ...]  # images; rows actual, columns predicted
    per_class: tuple[ClassMetrics, ...]
    sentence: str  # the result in words
    # Accuracies in [0, 1] of the head alone; None if the run did not train it first.
    baseline_validation_accuracy: float | None = None
    baseline_accuracy: float | None = None  # on the test images
