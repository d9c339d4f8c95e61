"""Training against validation and test, read in plain words: what went well, what did not."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from transfer_core.cases import Strategy
from transfer_core.runs.store.records import RunEvent
from transfer_core.training.evaluation import Z_95, difference_interval, wilson_interval

GAP = 0.05  # between training and validation accuracy, from which one would act on it
LEARNED = 0.9  # training accuracy, below which even the images learned from are not known
ROUGH = 0.05  # half the width of an interval, above which it tells little
RISE = 1.1  # of the validation loss after its best epoch, that is more than its noise
FALLING = 0.95  # of the validation loss over the last fifth of the epochs: it still fell
SUSPICIOUS = 50  # test images, all of them right, from which one looks for a give-away

Kind = Literal["good", "warning", "unsure"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that can be read from a run."""

    kind: Kind
    title: str  # a few words, such as "Over-fitting"
    words: str  # what shows it, and what can be done


@dataclass(frozen=True, slots=True)
class Course:
    """How a training went, as its log tells it; accuracies in [0, 1], losses in nats."""

    reason: str  # why it ended
    best_epoch: int  # counted from 1; 0 is the new layer trained alone
    train_images: int
    validation_images: int
    train_accuracy: float | None  # in the best epoch, as its steps saw it; None of epoch 0
    validation_accuracy: float  # of the weights that were kept
    validation_losses: tuple[float, ...]  # of each epoch, from the first


def course(events: Sequence[RunEvent]) -> Course | None:
    """How a run's training went; None if no epoch has ended."""
    latest = {event.kind: event.values for event in events}
    epochs = {e.values["epoch"]: e.values for e in events if e.kind == "epoch_ended"}
    if not epochs or "ended" not in latest:
        return None
    started, ended = latest["started"], latest["ended"]
    best = epochs[ended["best_epoch"]]
    losses = tuple(values["validation_loss"] for number, values in sorted(epochs.items()) if number)
    return Course(
        ended["reason"], ended["best_epoch"], started["train_images"],
        started["validation_images"], best["train_accuracy"], best["validation_accuracy"], losses,
    )  # fmt: skip


def read(course: Course, strategy: Strategy, result: dict[str, Any]) -> tuple[Finding, ...]:
    """Everything that the numbers allow to say, each difference with its interval.

    Args:
        course: Of the training.
        strategy: Of the run; tells whether training images were changed at random.
        result: Values of the run's test.
    """
    found = [
        _fit(course, strategy), _going_on(course), _turned(course), _validation(course, result),
        _leak(course, strategy, result), _test_images(result),
    ]  # fmt: skip
    return tuple(finding for finding in found if finding)


def _fit(course: Course, strategy: Strategy) -> Finding:
    """Over-fitting, under-fitting, neither, or too few images to tell."""
    if course.train_accuracy is None:
        return Finding(
            "unsure", "Fit not known",
            "The new layer trained alone was kept; its accuracy on the training images was not "
            "recorded, so over-fitting cannot be told from it.",
        )  # fmt: skip
    trained = course.train_accuracy, course.train_images
    validated = course.validation_accuracy, course.validation_images
    low, high = difference_interval(trained, validated)
    told = (
        f"{trained[0]:.0%} of the training images were right in the epoch that was kept, and "
        f"{validated[0]:.0%} of the {validated[1]:,} validation images: a gap of "
        f"{_points(trained[0] - validated[0])} (95 % interval {_points(low)} to {_points(high)})."
    )
    if _augmented(strategy):
        told += " Training images were changed at random, which makes the gap look smaller."
    if low > GAP:
        return Finding(
            "warning", "Over-fitting",
            f"{told} The network knows its training images partly by heart. More images help "
            f"most; else {_against_over_fitting(strategy)}.",
        )  # fmt: skip
    if high > GAP:
        return Finding(
            "unsure", "Too few validation images to tell over-fitting",
            f"{told} It may be {_points(GAP)} or more, or chance.",
        )  # fmt: skip
    if wilson_interval(trained[0] * trained[1], trained[1])[1] < LEARNED:
        more = "Train more layers (case 3) or" if strategy.frozen else "Train longer, or"
        return Finding(
            "warning", "Under-fitting",
            f"{told} Even the images that it learned from are often wrong. {more} take a larger "
            "network; and look whether the classes can be told apart at all.",
        )  # fmt: skip
    return Finding("good", "No over-fitting, no under-fitting", told)


def _augmented(strategy: Strategy) -> bool:
    """Whether training images were changed at random, which makes them harder."""
    settings = strategy.optimiser
    return settings.views > 0 if strategy.frozen else settings.augment


def _against_over_fitting(strategy: Strategy) -> str:
    """What there is to try, besides more images."""
    if strategy.frozen:
        return "more weight decay, or an earlier cut (case 2), which leaves fewer features"
    if _augmented(strategy):
        return "more weight decay, or training the new layer alone (case 1)"
    return "random crops and colours, more weight decay, or training the new layer alone (case 1)"


def _going_on(course: Course) -> Finding | None:
    losses = course.validation_losses
    if course.reason != "all epochs" or len(losses) < 5 or course.best_epoch != len(losses):
        return None
    before = losses[-1 - max(1, len(losses) // 5)]
    if losses[-1] > FALLING * before:
        return None
    return Finding(
        "warning", "Ended too early",
        f"The validation loss was still falling, from {before:.3f} to {losses[-1]:.3f} over the "
        "last fifth of the epochs. Allow more epochs.",
    )  # fmt: skip


def _turned(course: Course) -> Finding | None:
    losses = course.validation_losses
    if not course.best_epoch or losses[-1] < RISE * (best := losses[course.best_epoch - 1]):
        return None
    return Finding(
        "good", "Stopped learning by heart",
        f"After epoch {course.best_epoch} the validation loss rose again, from {best:.3f} to "
        f"{losses[-1]:.3f}: from there on it only learned the training images by heart. The "
        f"weights of epoch {course.best_epoch} were kept.",
    )  # fmt: skip


def _validation(course: Course, result: dict[str, Any]) -> Finding | None:
    validated = course.validation_accuracy, course.validation_images
    low, high = difference_interval(validated, (result["accuracy"], result["images"]))
    if low <= 0 <= high:
        return None
    better, other, least, most = (
        ("validation", "test", low, high) if low > 0 else ("test", "validation", -high, -low)
    )
    return Finding(
        "warning", "Validation and test disagree",
        f"The {better} images are answered better than the {other} images, by {_points(least)} to "
        f"{_points(most)}: more than chance. They are not of one kind, or the validation images "
        "were used for many choices. The test accuracy is the one to report.",
    )  # fmt: skip


def _leak(course: Course, strategy: Strategy, result: dict[str, Any]) -> Finding | None:
    """Signs that the answer can be had without knowing the class."""
    if result["accuracy"] == 1 and result["images"] >= SUSPICIOUS:
        return Finding(
            "unsure", "All right: too good?",
            f"All {result['images']:,} test images are right. The task may be easy; or something "
            "gives the classes away: photos of one scene in several parts of the split, a "
            "background, a watermark, another camera. See what the network looks at.",
        )  # fmt: skip
    if course.train_accuracy is None or _augmented(strategy):
        return None
    low, _ = difference_interval(
        (result["accuracy"], result["images"]), (course.train_accuracy, course.train_images)
    )
    if low <= GAP:
        return None
    return Finding(
        "warning", "Better on new images than on known ones",
        f"{result['accuracy']:.0%} of the test images are right, but {course.train_accuracy:.0%} "
        "of the training images, beyond chance. The split may not be random, or the test images "
        "easier; copies of them in the training images would show the same.",
    )  # fmt: skip


def _test_images(result: dict[str, Any]) -> Finding | None:
    """Too few test images to tell."""
    half = (result["high"] - result["low"]) / 2
    if half <= ROUGH:
        return None
    share = min(max(result["accuracy"], 0.05), 0.95)
    enough = ceil(share * (1 - share) * (Z_95 / ROUGH) ** 2 / 10) * 10
    return Finding(
        "unsure", "Too few test images to tell",
        f"With {result['images']:,} test images the accuracy on many would lie anywhere between "
        f"{result['low']:.0%} and {result['high']:.0%}. Smaller differences between two runs are "
        f"not to be believed. About {enough:,} test images would do for ± {_points(ROUGH)}.",
    )  # fmt: skip


def _points(share: float) -> str:
    points = round(100 * share)
    return f"{points} point" if abs(points) == 1 else f"{points} points"
