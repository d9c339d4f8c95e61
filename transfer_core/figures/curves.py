"""Loss and accuracy of a run, decimated for a chart that is redrawn live."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from transfer_core.figures.theme import BLUE, GREEN, ORANGE
from transfer_core.languages import N_, _
from transfer_core.runs import RunEvent, find_last_event, select_events
from transfer_core.training import BaselineTrained, EpochEnded, Stepped

MAX_BUCKETS = 400  # two points of each are drawn at most, and the newest


def decimate(values: Sequence[float], buckets: int = MAX_BUCKETS) -> np.ndarray:
    """Select the minimum and maximum of every bucket, and the newest value.

    Args:
        values: Any length N.
        buckets: Number of stretches of equal length that the values are cut into.

    Returns:
        Sorted indices into the values, int64; at most 2 * buckets + 1, and all of them if
        N <= 2 * buckets.
    """
    y, count = np.asarray(values, dtype=float), len(values)
    if count <= 2 * buckets:
        return np.arange(count)
    size = -(-count // buckets)
    padded = np.pad(y, (0, -count % size), mode="edge").reshape(-1, size)
    starts = np.arange(len(padded)) * size
    kept = np.concatenate([starts + padded.argmin(1), starts + padded.argmax(1), [count - 1]])
    return np.unique(np.minimum(kept, count - 1))


def build_curve_traces(
    events: Sequence[RunEvent], buckets: int = MAX_BUCKETS
) -> dict[str, list[dict[str, Any]]]:
    """Plotly traces of the loss and accuracy charts over epochs, as plain JSON.

    Args:
        events: Of the run so far.
        buckets: See `decimate`; of each curve.

    Returns:
        {"loss": traces, "accuracy": traces}
    """
    steps, ended = select_events(events, Stepped), select_events(events, EpochEnded)
    alone, epochs = ([row for row in ended if (row.epoch == 0) == no] for no in (True, False))
    if baseline := find_last_event(events, BaselineTrained):
        loss, accuracy = baseline.validation_loss, baseline.validation_accuracy
        alone = [EpochEnded(0, 0, None, None, loss, accuracy, False, baseline.seconds, ())]
    best = [row for row in epochs if row.best][-1:]
    shown = [steps[i] for i in decimate([row.loss for row in steps], buckets)]
    epochs = [epochs[i] for i in decimate([row.validation_loss for row in epochs], buckets)]
    charts = {}
    for what, factor, unit in (("loss", 1, ""), ("accuracy", 100, " %")):
        validation = f"validation_{what}"
        charts[what] = [
            _build_trace(N_("training"), shown, "epoch", what, factor, unit, _STEP_STYLE),
            _build_trace(N_("validation"), epochs, "epoch", validation, factor, unit, _EPOCH_STYLE),
            _build_trace(_BEST, best, "epoch", validation, factor, unit, _BEST_EPOCH_STYLE),
        ]
        if alone:  # another training, so not joined to the epochs; older logs have it as epoch 0
            level = [*alone, *(replace(alone[0], epoch=row.epoch) for row in epochs[-1:])]
            name = N_("new layer alone, validation")
            charts[what] += [
                _build_trace(name, level, "epoch", validation, factor, unit, _HEAD_ONLY_STYLE)
            ]
    return charts


_BEST = N_("best epoch")
_HOVER = N_("epoch %{x:.2f}, step %{customdata}: %{y:.4g}")
_HOVER_PERCENT = N_("epoch %{x:.2f}, step %{customdata}: %{y:.4g} %")
_STEP_STYLE = {"mode": "lines", "line": {"color": BLUE, "width": 1.5}}
_EPOCH_STYLE = {
    "mode": "lines+markers",
    "line": {"color": ORANGE, "dash": "dash"},
    "marker": {"symbol": "square", "size": 6, "maxdisplayed": 40},
}
_HEAD_ONLY_STYLE = {"mode": "lines+markers", "line": {"color": GREEN, "dash": "dot"}}
_BEST_EPOCH_STYLE = {
    "mode": "markers",
    "marker": {"symbol": "star", "size": 15, "color": GREEN, "line": {"width": 1}},
}


def _build_trace(name, rows, x, y, factor, unit, look) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "x": [round(getattr(row, x), 3) for row in rows],
        "y": [_round_finite(getattr(row, y), 4, factor) for row in rows],
        "customdata": [row.step for row in rows],
        "hovertemplate": _HOVER_PERCENT if unit else _HOVER,
    } | look


def translate_traces(charts: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The traces with their words in the reader's language; those that are kept are English."""
    return {
        what: [
            trace | {name: _(trace[name]) for name in ("name", "hovertemplate")} for trace in traces
        ]
        for what, traces in charts.items()
    }


def tabulate_epochs(events: Sequence[RunEvent]) -> list[dict[str, float | int | str | None]]:
    """Return a row per epoch, for a table; older logs have the head trained alone as epoch 0."""
    return [
        {
            _("epoch"): row.epoch,
            _("training loss"): _round_finite(row.train_loss, 4),
            _("validation loss"): _round_finite(row.validation_loss, 4),
            _("training accuracy (%)"): _round_finite(row.train_accuracy, 1, 100),
            _("validation accuracy (%)"): _round_finite(row.validation_accuracy, 1, 100),
            _("best so far"): _("yes") if row.best else "",
        }
        for row in select_events(events, EpochEnded)
    ]


def describe_curves(events: Sequence[RunEvent]) -> str:
    """The newest epoch and the best one in words."""
    epochs = select_events(events, EpochEnded)
    if not epochs:
        return _("No epoch has ended.")
    last = epochs[-1]
    best = ([row for row in epochs if row.best] or epochs)[-1]
    now = {
        "epoch": last.epoch,
        "loss": last.validation_loss,
        "accuracy": last.validation_accuracy,
    }
    if last.epoch:
        told = _(
            "After epoch {epoch}: training loss {train_loss:.3f}, validation loss {loss:.3f}, "
            "validation accuracy {accuracy:.1%}.",
            train_loss=last.train_loss,
            **now,
        )
    else:
        told = _(
            "After epoch {epoch}: validation loss {loss:.3f}, validation accuracy {accuracy:.1%}.",
            **now,
        )
    which = _("the new layer trained alone")
    if best.epoch:
        which = _("epoch {epoch}", epoch=best.epoch)
    return f"{told} " + _(
        "Best is {which} with validation loss {loss:.3f} and accuracy {accuracy:.1%}.",
        which=which,
        loss=best.validation_loss,
        accuracy=best.validation_accuracy,
    )


def _round_finite(value: float | None, digits: int, factor: float = 1) -> float | None:
    """Round a number for JSON, which knows no infinity; None stays None."""
    return None if value is None or not isfinite(value) else round(factor * value, digits)
