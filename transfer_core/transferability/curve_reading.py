"""Read the curves of a trial: one sentence about what they show, with its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, log, sqrt
from typing import TYPE_CHECKING, Literal

from transfer_core.languages import _, ngettext
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
    return _(
        "Lost: after {epochs} epochs the loss was no longer a number, and there is nothing to "
        "keep. "
        "Learn more slowly.",
        epochs=len(result.epochs),
    )


def _find_missing_class(result: HeadTrialResult, __: HeadTrialResult) -> CurveReading | None:
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
            _(
                "No training image showed “{name}”: {correct} of its {asked} validation images are "
                "right, so the accuracy can't pass {best:.0%}. A network can't name what it was "
                "never shown.",
                name=name,
                correct=correct,
                asked=asked,
                best=best,
            ),
        )
    return None


def _find_jumps(result: HeadTrialResult, __: HeadTrialResult) -> CurveReading | None:
    losses, guessing = [epoch.train_loss for epoch in result.epochs], _guess(result)
    rises = [after - before for before, after in zip(losses, losses[1:], strict=False)]
    jumps = sum(rise > JUMP * guessing for rise in rises)
    if not jumps:
        return None
    worst = _format_loss(max(losses))
    told = ngettext(
        "the training loss jumped up once, to {worst} at worst (guessing: {guessing:.1f})",
        "the training loss jumped up {n} times, to {worst} at worst (guessing: {guessing:.1f})",
        jumps,
        worst=worst,
        guessing=guessing,
    )
    if result.trial.learning_rate * result.trial.weight_decay >= 1:
        return CurveReading(
            "pulled too hard",
            _(
                "Pulled too hard: {told}. Each step takes more off the weights than there is.",
                told=told,
            ),
        )
    if losses[-1] < guessing / 2:
        end = _("The rate falls to 0 at the end, which calmed it: {loss:.2f}.", loss=losses[-1])
    else:
        end = _("It never came to rest: {loss} at the end.", loss=_format_loss(losses[-1]))
    return CurveReading("too fast", _("Too fast: {told}. {end}", told=told, end=end))


def _find_slowness(result: HeadTrialResult, default: HeadTrialResult) -> CurveReading | None:
    if not default.epochs:
        return None
    first, last = result.epochs[0].train_loss, result.epochs[-1].train_loss
    share, own = last / _guess(result), default.epochs[-1].train_loss / _guess(default)
    if share - own <= UNLEARNED:
        return None
    told = _(
        "the training loss went from {first:.2f} to {last:.2f} only (guessing: {guessing:.2f}). "
        "{accuracy:.0%} are right, but never surely",
        first=first,
        last=last,
        guessing=_guess(result),
        accuracy=result.accuracy,
    )
    if _is_held_back(result, default):
        held = _("Held back: weight decay is strong; {told}.", told=told)
        return CurveReading("pulled too hard", held)
    epochs = len(result.epochs)
    return CurveReading(
        "too slow", _("Too slow for {epochs} epochs: {told}.", epochs=epochs, told=told)
    )


def _is_held_back(result: HeadTrialResult, default: HeadTrialResult) -> bool:
    now, usual = result.trial, default.trial
    slower = usual.learning_rate * usual.epochs / (now.learning_rate * now.epochs)
    return now.weight_decay > usual.weight_decay * max(1.0, slower)


def _find_gap(result: HeadTrialResult, __: HeadTrialResult) -> CurveReading | None:
    last = result.epochs[-1]
    gap, noise = last.train_accuracy - last.validation_accuracy, _compute_noise(result)
    if gap < max(MIN_GAP, 2 * noise):
        return None
    own = {"own": last.train_accuracy, "new": last.validation_accuracy}
    kept = {"own": result.kept.train_accuracy, "new": result.kept.validation_accuracy}
    fewest, lowest = min(result.train_counts), _find_lowest(result)
    if fewest <= FEW_IMAGES:
        return CurveReading(
            "too few images",
            ngettext(
                "Too few images: with {n} image of a class it gets {own:.0%} of its training "
                "images "
                "and {new:.0%} of the new ones right. It has learned these images, not the class.",
                "Too few images: with {n} images of a class it gets {own:.0%} of its training "
                "images and {new:.0%} of the new ones right. It has learned these images, not the "
                "class.",
                fewest,
                **kept,
            ),
        )
    if last.validation_loss >= MIN_LOSS_RISE * lowest.validation_loss:
        return CurveReading(
            "learns by heart",
            _(
                "Learns by heart (over-fitting): after epoch {epoch} the validation loss rises "
                "from "
                "{lowest:.2f} to {last:.2f}. It ends with {own:.0%} of its training images and "
                "{new:.0%} of the new ones right. A run keeps epoch {epoch}.",
                epoch=lowest.epoch,
                lowest=lowest.validation_loss,
                last=last.validation_loss,
                **kept,
            ),
        )
    return CurveReading(
        "better on its own",
        _(
            "It knows its own images better: {own:.0%} of its training images and {new:.0%} of the "
            "new ones are right. More images would help.",
            **own,
        ),
    )


def _describe_fit(result: HeadTrialResult) -> CurveReading:
    kept = result.kept
    both = {"own": kept.train_accuracy, "new": kept.validation_accuracy}
    if kept.train_accuracy < LOW_ACCURACY:
        return CurveReading(
            "hard to tell apart",
            _(
                "{own:.0%} of its training images and {new:.0%} of the new ones are right: even "
                "its "
                "own images it can't all tell apart. The frozen layers don't show what differs; "
                "training them too (case 3) might.",
                **both,
            ),
        )
    told = _(
        "Good: {own:.0%} of its training images and {new:.0%} of the new ones are right; no curve "
        "runs away.",
        **both,
    )
    low, high = result.interval
    if high - low > MAX_INTERVAL:
        chance = _(
            "With so few new images, chance moves this between {low:.0%} and {high:.0%}.",
            low=low,
            high=high,
        )
        told = f"{told} {chance}"
    return CurveReading("good", told)


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
    if loss < 1000:
        return f"{loss:.1f}"
    digit, zeros = f"{loss:.0e}".split("e+")
    return _("{digit} with {zeros} zeros", digit=digit, zeros=zeros)
