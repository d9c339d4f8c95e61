"""Several runs in one figure: their curves, and the differences of their accuracies."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREEN, GREY, ORANGE, PURPLE, apply_layout
from transfer_core.languages import N_, _
from transfer_core.runs import RunEvent, select_events
from transfer_core.training import EpochEnded

if TYPE_CHECKING:
    from transfer_core.inspection import PairedComparison

Part = Literal["validation", "training"]
Metric = Literal["loss", "accuracy"]
TITLES = {  # of the axis and of the figure
    ("validation", "loss"): (N_("validation loss"), N_("Validation loss of each run")),
    ("training", "loss"): (N_("training loss"), N_("Training loss of each run")),
    ("validation", "accuracy"): (
        N_("validation accuracy (%)"),
        N_("Validation accuracy of each run"),
    ),
    ("training", "accuracy"): (N_("training accuracy (%)"), N_("Training accuracy of each run")),
}
DESCRIBED = {
    ("validation", "loss"): N_("Validation loss"),
    ("training", "loss"): N_("Training loss"),
    ("validation", "accuracy"): N_("Validation accuracy"),
    ("training", "accuracy"): N_("Training accuracy"),
}
_KEY_PREFIXES = {"validation": "validation_", "training": "train_"}
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, GREY)
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "x", "star", "pentagon")


def plot_run_curves(
    events_by_run: Mapping[str, Sequence[RunEvent]], metric: Metric, part: Part
) -> go.Figure:
    """A curve over epochs for each run, distinguished by letter, dash, marker and colour.

    Args:
        events_by_run: Letter and events of each run.
        metric: Loss or accuracy.
        part: Measured on training or validation images.
    """
    figure, factor = go.Figure(), 100 if metric == "accuracy" else 1
    for number, (letter, events) in enumerate(events_by_run.items()):
        rows = _select_epochs(events)
        figure.add_scatter(
            x=[row.epoch for row in rows],
            y=[getattr(row, _KEY_PREFIXES[part] + metric) * factor for row in rows],
            mode="lines+markers+text",
            name=letter,
            text=[""] * (len(rows) - 1) + [letter] * bool(rows),
            textposition="middle right",
            line={"color": _COLOURS[number % 5], "dash": _DASHES[(number + number // 5) % 5]},
            marker={"symbol": _SYMBOLS[number % 8], "size": 8, "maxdisplayed": 20},
            hovertemplate=_("{letter}, epoch %{{x}}: %{{y:.4g}}", letter=letter)
            + "<extra></extra>",
        )
    axis, title = TITLES[part, metric]
    figure.update_xaxes(title=_("epoch"), rangemode="tozero")
    figure.update_yaxes(title=_(axis))
    return apply_layout(figure, _(title))


def describe_run_curves(
    events_by_run: Mapping[str, Sequence[RunEvent]], metric: Metric, part: Part
) -> str:
    """The figure in words: the best and the last epoch of each curve."""
    curves, best = [], min if metric == "loss" else max
    for letter, events in events_by_run.items():
        name = _KEY_PREFIXES[part] + metric
        rows = [(getattr(row, name), row.epoch) for row in _select_epochs(events)]
        if not rows:
            curves.append(_("{letter} has no epoch", letter=letter))
            continue
        value, epoch = best(rows, key=lambda row: row[0])
        curves.append(
            _(
                "{letter} comes to its best value in epoch {epoch} of {epochs} with {best} and "
                "ends at {last}",
                letter=letter,
                epoch=epoch,
                epochs=rows[-1][1],
                best=_format_metric(value, metric),
                last=_format_metric(rows[-1][0], metric),
            )
        )
    measure = _(DESCRIBED[part, metric])
    return f"{measure}: {'; '.join(curves)}."


def plot_differences(comparisons: Mapping[str, "PairedComparison"]) -> go.Figure:
    """The difference of each pair's test accuracies with its 95 % interval.

    Args:
        comparisons: Title, such as "A minus B", and comparison of each pair.
    """
    pairs = list(comparisons.values())
    figure = go.Figure(
        go.Scatter(
            x=[100 * pair.difference for pair in pairs],
            y=list(comparisons),
            mode="markers",
            marker={
                "size": 12,
                "color": [GREY if pair.may_be_chance else BLUE for pair in pairs],
                "symbol": ["circle-open" if p.may_be_chance else "circle" for p in pairs],
                "line": {"width": 2},
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [100 * (pair.high - pair.difference) for pair in pairs],
                "arrayminus": [100 * (pair.difference - pair.low) for pair in pairs],
                "color": GREY,
            },
            hovertemplate=_("%{y}: %{x:+.1f} points") + "<extra></extra>",
            showlegend=False,
        )
    )
    figure.add_vline(x=0, line={"color": GREY, "dash": "dash"})
    figure.update_xaxes(title=_("difference of test accuracies, percentage points"))
    figure.update_yaxes(autorange="reversed", type="category")
    return apply_layout(figure, _("How far the runs differ"), height=190 + 40 * len(comparisons))


def describe_differences(comparisons: Mapping[str, "PairedComparison"]) -> str:
    """The figure in words."""
    differences = "; ".join(
        _(
            "{title}: {points:+.1f} points ({low:+.1f} to {high:+.1f})",
            title=title,
            points=100 * pair.difference,
            low=100 * pair.low,
            high=100 * pair.high,
        )
        for title, pair in comparisons.items()
    )
    return _(
        "Difference of test accuracies with 95 % intervals: {differences}. The dashed line is no "
        "difference; a filled point is unlikely to be chance.",
        differences=differences,
    )


def _select_epochs(events: Sequence[RunEvent]) -> list[EpochEnded]:
    """Return the epochs of the run; epoch 0 belongs to another training."""
    return [row for row in select_events(events, EpochEnded) if row.epoch]


def _format_metric(value: float, metric: Metric) -> str:
    return _("{share:.1%}", share=value) if metric == "accuracy" else _("{value:.3f}", value=value)
