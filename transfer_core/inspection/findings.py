"""Conclusions about a run, the numbers that they rest on, and how both are put in words."""

from dataclasses import dataclass
from typing import Literal

from transfer_core.languages import ngettext

MIN_ACCURACY_GAP = 0.05  # training minus validation accuracy; a smaller gap does not matter


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
    train_accuracy: float | None  # during the steps of the best epoch; None for epoch 0
    validation_accuracy: float  # of the final weights
    validation_losses: tuple[float, ...]  # of each epoch, from the first
    is_mixture: bool = False  # whether the final weights lie between those of start and end


def format_points(fraction: float) -> str:
    """Write a difference of accuracies for people: "5 points"."""
    points = round(100 * fraction)
    return ngettext("{n} point", "{n} points", points)


def join_sentences(*sentences: str) -> str:
    return " ".join(sentences)
