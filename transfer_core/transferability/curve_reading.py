"""Read the curves of a trial: one sentence about what they show, with its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, log, sqrt
from typing import TYPE_CHECKING, Literal

from transfer_core.training import MIN_LOSS_RISE

if TYPE_CHECKING:
    from transfer_core.training import EpochEnded
    from transfer_core.transferability.head_trial import HeadTrialResult

JUMP = 0.1  # of the loss of guessing; a loss that rises by more from one epoch to the next jumps
UNLEARNED = 0.25  # of the loss of guessing, by which a training loss is left behind the default's
MIN_GAP = 0.1  # between the accuracies on training and validation images, in [0, 1]
FEW_IMAGES = 10  # training images of a class
LOW_ACCURACY = 0.9  # on the training images, in [0, 1]
MAX_INTERVAL = 0.15  # width of the interval of an accuracy, above which it is called unsure

Finding = Literal[
    "diverged",
    "class missing",
    "too fast",
    "pulled too hard",
    "too slow",
    "learns by heart",
    "too few images",
    "better on its own",
    "hard to tell apart",
    "good",
]


@dataclass(frozen=True, slots=True)
class CurveReading:
    """What the curves of a trial show."""

    finding: Finding
    sentence: str  # for people; its numbers are those of the curves


def read_curves(result: HeadTrialResult, default: HeadTrialResult) -> CurveReading:
    """Say what the curves show.

    Args:
        result: The trial.
        default: The trial with the settings of a run and all images.
    """
    if result.ended is None:
        return CurveReading("diverged", _describe_divergence(result))
    checks = (_find_missing_class, _find_jumps, _find_slowness, _find_gap)
    readings = (check(result, default) for check in checks)
    return next(filter(None, readings), None) or _describe_fit(result)


def _describe_divergence(result: HeadTrialResult) -> str:
    return (
        f"Lost: after {len(result.epochs)} epochs the loss was no longer a number, and there is "
        "nothing to keep. Learn more slowly."
    )


def _find_missing_class(result: HeadTrialResult, _: HeadTrialResult) -> CurveReading | None:
    rows = zip(
        result.class_names,
        result.train_counts,
        result.validation_counts,
        result.correct,
        strict=True,
    )
    for name, learned, asked, correct in rows:
        if learned or not asked:
            continue
        best = 1 - asked / sum(result.validation_counts)
        return CurveReading(
            "class missing",
            f"No training image showed “{name}”: {correct} of its {asked} validation images are "
            f"right, so the accuracy can't pass {best:.0%}. A network can't name what it was "
            "never shown.",
        )
    return None


def _find_jumps(result: HeadTrialResult, _: HeadTrialResult) -> CurveReading | None:
    losses, guessing = [epoch.train_loss for epoch in result.epochs], _guess(result)
    rises = [after - before for before, after in zip(losses, losses[1:], strict=False)]
    jumps = sum(rise > JUMP * guessing for rise in rises)
    if not jumps:
        return None
    worst = _format_loss(max(losses))
    times = "once" if jumps == 1 else f"{jumps} times"
    told = f"the training loss jumped up {times}, to {worst} at worst (guessing: {guessing:.1f})"
    if result.trial.learning_rate * result.trial.weight_decay >= 1:
        return CurveReading(
            "pulled too hard",
            f"Pulled too hard: {told}. Each step takes more off the weights than there is.",
        )
    calmed = losses[-1] < guessing / 2
    end = (
        f"The rate falls to 0 at the end, which calmed it: {losses[-1]:.2f}."
        if calmed
        else f"It never came to rest: {_format_loss(losses[-1])} at the end."
    )
    return CurveReading("too fast", f"Too fast: {told}. {end}")


def _find_slowness(result: HeadTrialResult, default: HeadTrialResult) -> CurveReading | None:
    if not default.epochs:
        return None
    first, last = result.epochs[0].train_loss, result.epochs[-1].train_loss
    share, own = last / _guess(result), default.epochs[-1].train_loss / _guess(default)
    if share - own <= UNLEARNED:
        return None
    told = f"the training loss went from {first:.2f} to {last:.2f} only (guessing: "
    told += f"{_guess(result):.2f}). {result.accuracy:.0%} are right, but never surely"
    if _is_held_back(result, default):
        return CurveReading("pulled too hard", f"Held back: weight decay is strong; {told}.")
    return CurveReading("too slow", f"Too slow for {len(result.epochs)} epochs: {told}.")


def _is_held_back(result: HeadTrialResult, default: HeadTrialResult) -> bool:
    now, usual = result.trial, default.trial
    slower = usual.learning_rate * usual.epochs / (now.learning_rate * now.epochs)
    return now.weight_decay > usual.weight_decay * max(1.0, slower)


def _find_gap(result: HeadTrialResult, _: HeadTrialResult) -> CurveReading | None:
    last = result.epochs[-1]
    gap, noise = last.train_accuracy - last.validation_accuracy, _compute_noise(result)
    if gap < max(MIN_GAP, 2 * noise):
        return None
    own = f"{last.train_accuracy:.0%} of its training images and {last.validation_accuracy:.0%} of"
    fewest, lowest = min(result.train_counts), _find_lowest(result)
    if fewest <= FEW_IMAGES:
        images = "image" if fewest == 1 else "images"
        return CurveReading(
            "too few images",
            f"Too few images: with {fewest} {images} of a class it gets {own} the new ones right. "
            "It has learned these images, not the class.",
        )
    if last.validation_loss >= MIN_LOSS_RISE * lowest.validation_loss:
        return CurveReading(
            "learns by heart",
            f"Learns by heart (over-fitting): after epoch {lowest.epoch} the validation loss rises "
            f"from {lowest.validation_loss:.2f} to {last.validation_loss:.2f}. It ends with {own} "
            f"the new ones right. A run keeps epoch {lowest.epoch}.",
        )
    return CurveReading(
        "better on its own",
        f"It knows its own images better: {own} the new ones are right. More images would help; "
        "more epochs would not.",
    )


def _describe_fit(result: HeadTrialResult) -> CurveReading:
    kept = result.kept
    both = f"{kept.train_accuracy:.0%} of its training images and {kept.validation_accuracy:.0%} of"
    if kept.train_accuracy < LOW_ACCURACY:
        return CurveReading(
            "hard to tell apart",
            f"{both} the new ones are right: even its own images it can't all tell apart. The "
            "frozen layers don't show what differs; training them too (case 3) might.",
        )
    low, high = result.interval
    unsure = (
        f" With so few new images, chance moves this between {low:.0%} and {high:.0%}."
        if high - low > MAX_INTERVAL
        else ""
    )
    return CurveReading("good", f"Good: {both} the new ones are right; no curve runs away.{unsure}")


def _find_lowest(result: HeadTrialResult) -> EpochEnded:
    return min(
        result.epochs,
        key=lambda e: e.validation_loss if isfinite(e.validation_loss) else float("inf"),
    )


def _guess(result: HeadTrialResult) -> float:
    """Return the loss of guessing among the classes."""
    return log(len(result.class_names))


def _compute_noise(result: HeadTrialResult) -> float:
    """Return the standard error of the validation accuracy, with one image more right and wrong."""
    images = sum(result.validation_counts)
    share = (sum(result.correct) + 1) / (images + 2)
    return sqrt(share * (1 - share) / images)


def _format_loss(loss: float) -> str:
    return f"{loss:.1f}" if loss < 1000 else f"{loss:.0e}".replace("e+", " with ") + " zeros"
