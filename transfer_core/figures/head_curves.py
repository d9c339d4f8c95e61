"""The curves of a trial of the new layer as plain data for a small chart, and in words."""

from __future__ import annotations

from math import isfinite, log
from typing import TYPE_CHECKING, Any

from transfer_core.figures.theme import BLUE, GREY, ORANGE
from transfer_core.languages import _

if TYPE_CHECKING:
    from transfer_core.training import EpochEnded
    from transfer_core.transferability import HeadTrialResult

MAX_SHOWN_LOSS = 3  # times the loss of guessing; higher losses need a logarithmic axis
MAX_DRAWN_LOSS = 1e9  # higher losses are cut off


def build_head_charts(result: HeadTrialResult, default: HeadTrialResult) -> list[dict[str, Any]]:
    """Build the charts of accuracy and loss over the epochs, as plain JSON.

    Args:
        result: The trial.
        default: The trial with a run's settings, drawn in grey; equal to the result for none.
    """
    kept = result.ended and result.ended.best_epoch
    marks = [{"x": kept, "label": _("kept: epoch {epoch}", epoch=kept)}] if kept else []
    charts = []
    titles = {"accuracy": _("Accuracy: how many are right"), "loss": _("Loss: how wrong")}
    for what, title in titles.items():
        series = [
            _build_series(result, f"train_{what}", _("training"), BLUE),
            _build_series(result, f"validation_{what}", _("validation"), ORANGE, dash="6 3"),
        ]
        if result.trial != default.trial:
            series.append(_build_default(default, what))
        axis = {"percent": True, "min": 0, "max": 1} if what == "accuracy" else _fit_axis(result)
        epochs = {"label": _("epochs"), "unit": _("epoch"), "min": 1}
        charts.append({"title": title, "x": epochs, "y": axis, "series": series, "marks": marks})
    return charts


def describe_head_curves(result: HeadTrialResult) -> str:
    """Say where the curves begin and end."""
    if not result.epochs:
        return _("No epoch has ended.")
    first, last = result.epochs[0], result.epochs[-1]
    images = sum(result.train_counts)
    kept = result.ended and result.ended.best_epoch
    told = _(
        "{epochs} epochs on {images:,} training images of {classes} classes. Accuracy on training "
        "images {first_train:.0%} at first, {last_train:.0%} at the end; on validation images "
        "{first_validation:.0%} and {last_validation:.0%}. Training loss {first_loss:.3g} and "
        "{last_loss:.3g}, validation loss {first_validation_loss:.3g} and "
        "{last_validation_loss:.3g}.",
        epochs=last.epoch,
        images=images,
        classes=len(result.class_names),
        first_train=first.train_accuracy,
        last_train=last.train_accuracy,
        first_validation=first.validation_accuracy,
        last_validation=last.validation_accuracy,
        first_loss=first.train_loss,
        last_loss=last.train_loss,
        first_validation_loss=first.validation_loss,
        last_validation_loss=last.validation_loss,
    )
    if not kept:
        return told
    return f"{told} " + _(
        "A run keeps epoch {epoch}: {accuracy:.0%} right.", epoch=kept, accuracy=result.accuracy
    )


def _build_default(default: HeadTrialResult, what: str) -> dict[str, Any]:
    name = f"validation_{what}"
    return _build_series(default, name, _("default's validation"), GREY, dash="2 3", width=1.8)


def _build_series(
    result: HeadTrialResult, name: str, label: str, colour: str, **look: Any
) -> dict[str, Any]:
    return {
        "name": label,
        "colour": colour,
        "x": [epoch.epoch for epoch in result.epochs],
        "y": [_read(epoch, name) for epoch in result.epochs],
    } | look


def _read(epoch: EpochEnded, name: str) -> float | None:
    """Return a number for JSON, which knows no infinity."""
    value = getattr(epoch, name)
    return round(min(value, MAX_DRAWN_LOSS), 5) if isfinite(value) else None


def _fit_axis(result: HeadTrialResult) -> dict[str, Any]:
    """Return the axis of the losses: from 0 on, or logarithmic where one jumps far up."""
    guessing = log(len(result.class_names))
    losses = [
        loss
        for epoch in result.epochs
        for loss in (_read(epoch, "train_loss"), _read(epoch, "validation_loss"))
        if loss is not None
    ]
    if max(losses, default=0) <= MAX_SHOWN_LOSS * guessing:
        return {"min": 0}
    return {"log": True, "min": max(1e-3, min(losses))}
