"""Diagnosis of a run in plain words: over-fitting, under-fitting, leaks, too few images."""

from collections.abc import Sequence
from math import ceil

from transfer_core.inspection.findings import (
    MIN_ACCURACY_GAP,
    Finding,
    TrainingHistory,
    format_points,
    join_sentences,
)
from transfer_core.inspection.fit_diagnosis import diagnose_fit, is_augmented
from transfer_core.languages import N_, _
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
)

MAX_INTERVAL_HALF_WIDTH = 0.05  # of the test accuracy; a wider interval says little
MAX_FALLING_LOSS_RATIO = 0.95  # validation loss over that a fifth earlier: it was still falling
MIN_IMAGES_FOR_LEAK_CHECK = 50  # a perfect test on fewer images is not suspicious


def build_training_history(events: Sequence[RunEvent], config: RunConfig) -> TrainingHistory | None:
    """Summarise the log of a run; None if its training has not ended or had no epoch."""
    started, ended = find_last_event(events, Started), find_last_event(events, Ended)
    epochs = {each.epoch: each for each in select_events(events, EpochEnded)}
    if not started or not ended or ended.best_epoch not in epochs:
        return None
    best, validated = epochs[ended.best_epoch], ended.validation_accuracy
    is_mixture = ended.keeps_mixture(config.strategy.optimiser.interpolation)
    return TrainingHistory(
        ended.reason,
        ended.best_epoch,
        started.train_images,
        started.validation_images,
        best.train_accuracy,
        validated if is_mixture and validated is not None else best.validation_accuracy,
        tuple(each.validation_loss for number, each in sorted(epochs.items()) if number),
        is_mixture,
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
        diagnose_fit(history, config),
        _diagnose_early_end(history),
        _diagnose_loss_rise(history),
        _compare_validation_and_test(history, result),
        _diagnose_leak(history, config, result),
        _diagnose_test_size(result),
    ]
    return tuple(finding for finding in findings if finding)


def _diagnose_early_end(history: TrainingHistory) -> Finding | None:
    losses = history.validation_losses
    if history.reason != "all epochs" or len(losses) < 5 or history.best_epoch != len(losses):
        return None
    before = losses[-1 - max(1, len(losses) // 5)]
    if losses[-1] > MAX_FALLING_LOSS_RATIO * before:
        return None
    return Finding(
        "warning",
        _("Ended too early"),
        _(
            "The validation loss was still falling, from {before:.3f} to {last:.3f} over the last "
            "fifth of the epochs. Allow more epochs.",
            before=before,
            last=losses[-1],
        ),
    )


def _diagnose_loss_rise(history: TrainingHistory) -> Finding | None:
    losses = history.validation_losses
    if not history.best_epoch or losses[-1] < MIN_LOSS_RISE * (
        best := losses[history.best_epoch - 1]
    ):
        return None
    return Finding(
        "good",
        _("Kept in time"),
        _(
            "After epoch {epoch} the validation loss rose again, from {best:.3f} to {last:.3f}: "
            "what it learned then was mostly its training images by heart. So the weights of "
            "epoch {epoch}, from before, were kept.",
            epoch=history.best_epoch,
            best=best,
            last=losses[-1],
        ),
    )


def _compare_validation_and_test(history: TrainingHistory, result: TestResult) -> Finding | None:
    validated = history.validation_accuracy, history.validation_images
    low, high = compute_difference_interval(validated, (result.accuracy, result.images))
    if low <= 0 <= high:
        return None
    if low > 0:
        least, most = low, high
        which = N_(
            "The validation images are answered better than the test images, by {least} to {most}: "
            "more than chance."
        )
    else:
        least, most = -high, -low
        which = N_(
            "The test images are answered better than the validation images, by {least} to {most}: "
            "more than chance."
        )
    return Finding(
        "warning",
        _("Validation and test disagree"),
        join_sentences(
            _(which, least=format_points(least), most=format_points(most)),
            _(
                "They are not of one kind, or the validation images were used for many choices. "
                "The test accuracy is the one to report."
            ),
        ),
    )


def _diagnose_leak(
    history: TrainingHistory, config: RunConfig, result: TestResult
) -> Finding | None:
    """Look for signs that something other than the class gives the answer away."""
    if result.accuracy == 1 and result.images >= MIN_IMAGES_FOR_LEAK_CHECK:
        return Finding(
            "unsure",
            _("All right: too good?"),
            _(
                "All {images:,} test images are right. The task may be easy; or something gives "
                "the classes away: photos of one scene in several parts of the split, a "
                "background, a watermark, another camera. See what the network looks at.",
                images=result.images,
            ),
        )
    if history.train_accuracy is None or is_augmented(config):
        return None
    low, __ = compute_difference_interval(
        (result.accuracy, result.images), (history.train_accuracy, history.train_images)
    )
    if low <= MIN_ACCURACY_GAP:
        return None
    return Finding(
        "warning",
        _("Better on new images than on known ones"),
        _(
            "{test:.0%} of the test images are right, but {train:.0%} of the training images, "
            "beyond chance. The split may not be random, or the test images easier; copies of them "
            "in the training images would show the same.",
            test=result.accuracy,
            train=history.train_accuracy,
        ),
    )


def _diagnose_test_size(result: TestResult) -> Finding | None:
    half = (result.high - result.low) / 2
    if half <= MAX_INTERVAL_HALF_WIDTH:
        return None
    share = min(max(result.accuracy, 0.05), 0.95)
    enough = ceil(share * (1 - share) * (Z_95 / MAX_INTERVAL_HALF_WIDTH) ** 2 / 10) * 10
    return Finding(
        "unsure",
        _("Too few test images to tell"),
        _(
            "With {images:,} test images the accuracy on many would lie anywhere between {low:.0%} "
            "and {high:.0%}. Smaller differences between two runs are not to be believed. About "
            "{enough:,} test images would do for ± {points}.",
            images=result.images,
            low=result.low,
            high=result.high,
            enough=enough,
            points=format_points(MAX_INTERVAL_HALF_WIDTH),
        ),
    )
