"""Loss and accuracy of a run, decimated for a chart that is redrawn live."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from transfer_core.figures.theme import BLUE, GREEN, ORANGE
from transfer_core.runs import RunEvent, find_last_event, select_events
from transfer_core.training import BaselineTrained, EpochEnded, Stepped

MAX_BUCKETS = 400  # at most two points of each bucket are drawn


def decimate(values: Sequence[float], buckets: int = MAX_BUCKETS) -> np.ndarray:
    """Select at most 2 * buckets values: the minimum and maximum of every bucket.

    Args:
        values: Any length N.
        buckets: Number of stretches of equal length that the values are cut into.

    Returns:
        Sorted indices into the values, int64; all of them if N <= 2 * buckets.
    """
    y, count = np.asarray(values, dtype=float), len(values)
    if count <= 2 * buckets:
        return np.arange(count)
    size = -(-count // buckets)
    padded = np.pad(y, (0, -count % size), mode="edge").reshape(-1, size)
    starts = np.arange(len(padded)) * size
    both = np.concatenate([starts + padded.argmin(1), starts + padded.argmax(1)])
    return np.unique(np.minimum(both, count - 1))


def build_curve_traces(events: Sequence[RunEvent]) -> dict[str, list[dict[str, Any]]]:
    """Plotly traces of the loss and accuracy charts over epochs, as plain JSON.

    Returns:
        {"loss": traces, "accuracy": traces}
    """
    steps, ended = select_events(events, Stepped), select_events(events, EpochEnded)
    alone, epochs = ([row for row in ended if (row.epoch == 0) == no] for no in (True, False))
    if baseline := find_last_event(events, BaselineTrained):
        loss, accuracy = baseline.validation_loss, baseline.validation_accuracy
        alone = [EpochEnded(0, 0, None, None, loss, accuracy, False, baseline.seconds, ())]
    best = [row for row in epochs if row.best][-1:]
    shown = [steps[i] for i in decimate([row.loss for row in steps])]
    charts = {}
    for what, factor, unit in (("loss", 1, ""), ("accuracy", 100, " %")):
        validation = f"validation_{what}"
        charts[what] = [
            _build_trace("training", shown, "epoch", what, factor, unit, _STEP_STYLE),
            _build_trace("validation", epochs, "epoch", validation, factor, unit, _EPOCH_STYLE),
            _build_trace("best epoch", best, "epoch", validation, factor, unit, _BEST_EPOCH_STYLE),
        ]
        if alone:  # another training, so not joined to the epochs; older logs have it as epoch 0
            level = [*alone, *(replace(alone[0], epoch=row.epoch) for row in epochs[-1:])]
            name = "new layer alone, validation"
            charts[what] += [
                _build_trace(name, level, "epoch", validation, factor, unit, _HEAD_ONLY_STYLE)
            ]
    return charts


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
        "hovertemplate": f"epoch %{{x:.2f}}, step %{{customdata}}: %{{y:.4g}}{unit}",
    } | look


def tabulate_epochs(events: Sequence[RunEvent]) -> list[dict[str, float | int | str | None]]:
    """Return a row per epoch, for a table; older logs have the head trained alone as epoch 0."""
    return [
        {
            "epoch": row.epoch,
            "training loss": _round_finite(row.train_loss, 4),
            "validation loss": _round_finite(row.validation_loss, 4),
            "training accuracy (%)": _round_finite(row.train_accuracy, 1, 100),
            "validation accuracy (%)": _round_finite(row.validation_accuracy, 1, 100),
            "best so far": "yes" if row.best else "",
        }
        for row in select_events(events, EpochEnded)
    ]


def describe_curves(events: Sequence[RunEvent]) -> str:
    """The newest epoch and the best one in words."""
    epochs = select_events(events, EpochEnded)
    if not epochs:
        return "No epoch has ended."
    last = epochs[-1]
    best = ([row for row in epochs if row.best] or epochs)[-1]
    trained = f"training loss {last.train_loss:.3f}, " if last.epoch else ""
    named = f"epoch {best.epoch}" if best.epoch else "the new layer trained alone"
    return (
        f"After epoch {last.epoch}: {trained}validation loss "
        f"{last.validation_loss:.3f}, validation accuracy {last.validation_accuracy:.1%}. "
        f"Best is {named} with validation loss "
        f"{best.validation_loss:.3f} and accuracy {best.validation_accuracy:.1%}."
    )


def _round_finite(value: float | None, digits: int, factor: float = 1) -> float | None:
    """Round a number for JSON, which knows no infinity; None stays None."""
    return None if value is None or not isfinite(value) else round(factor * value, digits)
