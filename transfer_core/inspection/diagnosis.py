"""Diagnosis of a run in plain words: over-fitting, under-fitting, leaks, too few images."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from transfer_core.networks import trains_head_only
from transfer_core.runs import RunEvent, find_last_event, select_events
from transfer_core.training import (
    MIN_LOSS_RISE,
    Z_95,
    Ended,
    EpochEnded,
    RunConfig,
    Started,
    TestResult,
    compute_difference_interval,
    compute_wilson_interval,
)

MIN_ACCURACY_GAP = 0.05  # training minus validation accuracy; a smaller gap does not matter
MIN_TRAIN_ACCURACY = 0.9  # a network with less does not even fit its training images
MAX_INTERVAL_HALF_WIDTH = 0.05  # of the test accuracy; a wider interval says little
MAX_FALLING_LOSS_RATIO = 0.95  # validation loss over that a fifth earlier: it was still falling
MIN_IMAGES_FOR_LEAK_CHECK = 50  # a perfect test on fewer images is not suspicious


@dataclass(frozen=True, slots=True)
class Finding:
    """One conclusion about a run."""

    kind: Literal["good", "warning", "unsure"]
    title: str  # a few words, such as "Over-fitting"
    words: str  # the numbers that show it, and what to do


@dataclass(frozen=True, slots=True)
class TrainingHistory:
    """Summary of a training log; accuracies in [0, 1], losses in nats per image."""

    reason: str  # why it ended
    best_epoch: int  # counted from 1; 0 is the head trained alone
    train_images: int
    validation_images: int
    train_accuracy: float | None  # in the best epoch, during its steps; None for epoch 0
    validation_accuracy: float  # of the final weights
    validation_losses: tuple[float, ...]  # of each epoch, from the first


def build_training_history(events: Sequence[RunEvent]) -> TrainingHistory | None:
    """Summarise the log of a run; None if its training has not ended or had no epoch."""
    started, ended = find_last_event(events, Started), find_last_event(events, Ended)
    epochs = {each.epoch: each for each in select_events(events, EpochEnded)}
    if not started or not ended or ended.best_epoch not in epochs:
        return None
    best = epochs[ended.best_epoch]
    return TrainingHistory(
        ended.reason,
        ended.best_epoch,
        started.train_images,
        started.validation_images,
        best.train_accuracy,
        best.validation_accuracy,
        tuple(each.validation_loss for number, each in sorted(epochs.items()) if number),
    )


def diagnose(
    history: TrainingHistory, config: RunConfig, result: TestResult
) -> tuple[Finding, ...]:
    """Draw every conclusion that the numbers allow; each difference has its interval.

    Args:
        history: Summary of the run's training log.
        config: The run's configuration; it says what was trained, on what images.
        result: The run's result on the test images.
    """
    findings = [
        _diagnose_fit(history, config),
        _diagnose_early_end(history),
        _diagnose_loss_rise(history),
        _compare_validation_and_test(history, result),
        _diagnose_leak(history, config, result),
        _diagnose_test_size(result),
    ]
    return tuple(finding for finding in findings if finding)


def _diagnose_fit(history: TrainingHistory, config: RunConfig) -> Finding:
    """Over-fitting, under-fitting, neither, or too few images to tell."""
    if history.train_accuracy is None:
        return Finding(
            "unsure",
            "Fit not known",
            "The new layer trained alone was kept; its accuracy on the training images was not "
            "recorded, so over-fitting cannot be told from it.",
        )
    low, high = compute_difference_interval(
        (history.train_accuracy, history.train_images),
        (history.validation_accuracy, history.validation_images),
    )
    gap = _describe_gap(history, config, low, high)
    if low > MIN_ACCURACY_GAP:
        return Finding(
            "warning",
            "Over-fitting",
            f"{gap} The network knows its training images partly by heart. More images help "
            f"most; else {_suggest_regularisation(config)}.",
        )
    if high > MIN_ACCURACY_GAP:
        return _describe_unsure_gap(gap, low)
    fits = Finding("good", "No over-fitting, no under-fitting", gap)
    return _diagnose_underfitting(history, config, gap) or fits


def _describe_unsure_gap(gap: str, low: float) -> Finding:
    """A gap that may or may not matter; chance explains it only if its interval holds 0."""
    notable = _format_points(MIN_ACCURACY_GAP)
    if round(100 * low) <= 0:  # as printed
        return Finding(
            "unsure",
            "Too few validation images to tell over-fitting",
            f"{gap} It may be {notable} or more, or chance.",
        )
    return Finding(
        "unsure",
        "Some over-fitting, how much is open",
        f"{gap} That is more than chance, but too few validation images to tell whether it is "
        f"{notable} or more.",
    )


def _diagnose_underfitting(history: TrainingHistory, config: RunConfig, gap: str) -> Finding | None:
    correct = round(history.train_accuracy * history.train_images)
    if compute_wilson_interval(correct, history.train_images)[1] >= MIN_TRAIN_ACCURACY:
        return None
    more = "Train more layers (case 3) or" if _is_head_only(config) else "Train longer, or"
    return Finding(
        "warning",
        "Under-fitting",
        f"{gap} Even the images that it learned from are often wrong. {more} take a larger "
        "network; and look whether the classes can be told apart at all.",
    )


def _describe_gap(history: TrainingHistory, config: RunConfig, low: float, high: float) -> str:
    trained, validated = history.train_accuracy, history.validation_accuracy
    words = (
        f"{trained:.0%} of the training images were right in the epoch that was kept, and "
        f"{validated:.0%} of the {history.validation_images:,} validation images: a gap of "
        f"{_format_points(trained - validated)} "
        f"(95 % interval {_format_points(low)} to {_format_points(high)})."
    )
    if _is_augmented(config):
        words += " Training images were changed at random, which makes the gap look smaller."
    return words


def _is_augmented(config: RunConfig) -> bool:
    """Whether training images were augmented, which makes them harder."""
    settings = config.strategy.optimiser
    return settings.views > 0 if _is_head_only(config) else settings.augment


def _is_head_only(config: RunConfig) -> bool:
    return trains_head_only(config.source(), config.strategy)


def _suggest_regularisation(config: RunConfig) -> str:
    """Suggest what to try beside more images."""
    if _is_head_only(config):
        reads_all = config.strategy.approach == "all stages"
        fewer = "the last stage alone (case 1)" if reads_all else "an earlier cut (case 2)"
        return f"more weight decay, or {fewer}, which leaves fewer features"
    if _is_augmented(config):
        return "more weight decay, or training the new layer alone (case 1)"
    return "random crops and colours, more weight decay, or training the new layer alone (case 1)"


def _diagnose_early_end(history: TrainingHistory) -> Finding | None:
    losses = history.validation_losses
    if history.reason != "all epochs" or len(losses) < 5 or history.best_epoch != len(losses):
        return None
    before = losses[-1 - max(1, len(losses) // 5)]
    if losses[-1] > MAX_FALLING_LOSS_RATIO * before:
        return None
    return Finding(
        "warning",
        "Ended too early",
        f"The validation loss was still falling, from {before:.3f} to {losses[-1]:.3f} over the "
        "last fifth of the epochs. Allow more epochs.",
    )


def _diagnose_loss_rise(history: TrainingHistory) -> Finding | None:
    losses = history.validation_losses
    if not history.best_epoch or losses[-1] < MIN_LOSS_RISE * (
        best := losses[history.best_epoch - 1]
    ):
        return None
    return Finding(
        "good",
        "Stopped in time",
        f"After epoch {history.best_epoch} the validation loss rose again, from {best:.3f} to "
        f"{losses[-1]:.3f}: more epochs would mostly have taught it its training images by heart. "
        f"The weights of epoch {history.best_epoch}, from before, were kept.",
    )


def _compare_validation_and_test(history: TrainingHistory, result: TestResult) -> Finding | None:
    validated = history.validation_accuracy, history.validation_images
    low, high = compute_difference_interval(validated, (result.accuracy, result.images))
    if low <= 0 <= high:
        return None
    better, other, least, most = (
        ("validation", "test", low, high) if low > 0 else ("test", "validation", -high, -low)
    )
    return Finding(
        "warning",
        "Validation and test disagree",
        f"The {better} images are answered better than the {other} images, by "
        f"{_format_points(least)} to {_format_points(most)}: more than chance. They are not of one "
        "kind, or the validation images were used for many choices. The test accuracy is the one "
        "to report.",
    )


def _diagnose_leak(
    history: TrainingHistory, config: RunConfig, result: TestResult
) -> Finding | None:
    """Look for signs that something other than the class gives the answer away."""
    if result.accuracy == 1 and result.images >= MIN_IMAGES_FOR_LEAK_CHECK:
        return Finding(
            "unsure",
            "All right: too good?",
            f"All {result.images:,} test images are right. The task may be easy; or something "
            "gives the classes away: photos of one scene in several parts of the split, a "
            "background, a watermark, another camera. See what the network looks at.",
        )
    if history.train_accuracy is None or _is_augmented(config):
        return None
    low, _ = compute_difference_interval(
        (result.accuracy, result.images), (history.train_accuracy, history.train_images)
    )
    if low <= MIN_ACCURACY_GAP:
        return None
    return Finding(
        "warning",
        "Better on new images than on known ones",
        f"{result.accuracy:.0%} of the test images are right, but {history.train_accuracy:.0%} "
        "of the training images, beyond chance. The split may not be random, or the test images "
        "easier; copies of them in the training images would show the same.",
    )


def _diagnose_test_size(result: TestResult) -> Finding | None:
    half = (result.high - result.low) / 2
    if half <= MAX_INTERVAL_HALF_WIDTH:
        return None
    share = min(max(result.accuracy, 0.05), 0.95)
    enough = ceil(share * (1 - share) * (Z_95 / MAX_INTERVAL_HALF_WIDTH) ** 2 / 10) * 10
    return Finding(
        "unsure",
        "Too few test images to tell",
        f"With {result.images:,} test images the accuracy on many would lie anywhere between "
        f"{result.low:.0%} and {result.high:.0%}. Smaller differences between two runs are "
        f"not to be believed. About {enough:,} test images would do for "
        f"± {_format_points(MAX_INTERVAL_HALF_WIDTH)}.",
    )


def _format_points(fraction: float) -> str:
    points = round(100 * fraction)
    return f"{points} point" if abs(points) == 1 else f"{points} points"
