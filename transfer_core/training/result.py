"""The result of a run on its test images, as plain data that needs no torch."""

from dataclasses import dataclass

from transfer_core.languages import N_, _

STOPPED_EARLY = "The run was stopped before"  # begins the sentence of a run without an epoch


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
    sentence: str  # the result in words, in English
    # Accuracies in [0, 1] of the head alone; None if the run did not train it first.
    baseline_validation_accuracy: float | None = None
    baseline_accuracy: float | None = None  # on the test images


def describe_result(result: TestResult, what_is_trained: str = "") -> str:
    """The result in words, with what the new layer alone reached if that says something.

    Args:
        result: Of a run, or of any predictions.
        what_is_trained: Of the run's strategy.
    """
    sentence = _describe_accuracy(result)
    if result.baseline_accuracy is None:
        return sentence
    what = _(what_is_trained)
    if result.sentence.startswith(STOPPED_EARLY):
        return _(
            "The run was stopped before an epoch of training {what} had ended. This is the new "
            "layer trained alone, as far as it had come. {sentence}",
            what=what,
            sentence=sentence,
        )
    if result.accuracy >= result.baseline_accuracy:
        return sentence
    return _(
        "{sentence} The new layer trained alone, with everything else frozen as in case 1, is "
        "right on {accuracy:.1%} of them: more than after training {what}.",
        sentence=sentence,
        accuracy=result.baseline_accuracy,
        what=what,
    )


def _describe_accuracy(result: TestResult) -> str:
    if result.low > result.majority_accuracy:
        text = N_(
            "{correct} of {images} test images are right: {accuracy:.1%} (95 % interval {low:.1%} "
            "to {high:.1%}); better than always saying the same class ({majority:.1%})."
        )
    elif result.high < result.majority_accuracy:
        text = N_(
            "{correct} of {images} test images are right: {accuracy:.1%} (95 % interval {low:.1%} "
            "to {high:.1%}); worse than always saying the same class ({majority:.1%})."
        )
    else:
        text = N_(
            "{correct} of {images} test images are right: {accuracy:.1%} (95 % interval {low:.1%} "
            "to {high:.1%}); too few test images to tell it from always saying the same class "
            "({majority:.1%})."
        )
    return _(
        text,
        correct=round(result.accuracy * result.images),
        images=result.images,
        accuracy=result.accuracy,
        low=result.low,
        high=result.high,
        majority=result.majority_accuracy,
    )
