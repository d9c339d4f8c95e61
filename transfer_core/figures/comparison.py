"""Several runs in one figure: their curves overlaid, and how far they differ."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREEN, GREY, ORANGE, PURPLE, styled
from transfer_core.runs.store.records import RunEvent

if TYPE_CHECKING:
    from transfer_core.inspection.comparison import PairedComparison

Part = Literal["validation", "training"]
Measure = Literal["loss", "accuracy"]
_KEYS = {"validation": "validation_", "training": "train_"}
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, GREY)
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "x", "star", "pentagon")


def overlaid_curves(
    logs: Mapping[str, Sequence[RunEvent]], measure: Measure, part: Part
) -> go.Figure:
    """A curve over epochs for each run, told apart by letter, dash, marker and colour.

    Args:
        logs: Letter and events of each run.
        measure: What is drawn.
        part: On which images.
    """
    figure, factor = go.Figure(), 100 if measure == "accuracy" else 1
    for number, (letter, events) in enumerate(logs.items()):
        rows = _epochs(events)
        figure.add_scatter(
            x=[row["epoch"] for row in rows],
            y=[row[_KEYS[part] + measure] * factor for row in rows],
            mode="lines+markers+text", name=letter,
            text=[""] * (len(rows) - 1) + [letter] * bool(rows), textposition="middle right",
            line={"color": _COLOURS[number % 5], "dash": _DASHES[(number + number // 5) % 5]},
            marker={"symbol": _SYMBOLS[number % 8], "size": 8, "maxdisplayed": 20},
            hovertemplate=f"{letter}, epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        )  # fmt: skip
    unit = " (%)" if measure == "accuracy" else ""
    figure.update_xaxes(title="epoch", rangemode="tozero")
    figure.update_yaxes(title=f"{part} {measure}{unit}")
    return styled(figure, f"{part.capitalize()} {measure} of each run")


def describe_overlaid(logs: Mapping[str, Sequence[RunEvent]], measure: Measure, part: Part) -> str:
    """The figure in words: where each curve ends, and its best epoch."""
    told, best = [], min if measure == "loss" else max
    for letter, events in logs.items():
        rows = [(row[_KEYS[part] + measure], row["epoch"]) for row in _epochs(events)]
        if not rows:
            told.append(f"{letter} has no epoch yet")
            continue
        value, epoch = best(rows, key=lambda row: row[0])
        told.append(
            f"{letter} is best in epoch {epoch} of {rows[-1][1]} with {_value(value, measure)} "
            f"and ends at {_value(rows[-1][0], measure)}"
        )
    return f"{part.capitalize()} {measure}: " + "; ".join(told) + "."


def differences(pairs: Mapping[str, "PairedComparison"]) -> go.Figure:
    """The difference of each pair's test accuracies with its 95 % interval.

    Args:
        pairs: Title, such as "A minus B", and comparison of each pair.
    """
    found = list(pairs.values())
    figure = go.Figure(
        go.Scatter(
            x=[100 * pair.difference for pair in found], y=list(pairs), mode="markers",
            marker={
                "size": 12, "color": [GREY if pair.may_be_chance else BLUE for pair in found],
                "symbol": ["circle-open" if p.may_be_chance else "circle" for p in found],
                "line": {"width": 2},
            },
            error_x={
                "type": "data", "symmetric": False,
                "array": [100 * (pair.high - pair.difference) for pair in found],
                "arrayminus": [100 * (pair.difference - pair.low) for pair in found],
                "color": GREY,
            },
            hovertemplate="%{y}: %{x:+.1f} points<extra></extra>", showlegend=False,
        )
    )  # fmt: skip
    figure.add_vline(x=0, line={"color": GREY, "dash": "dash"})
    figure.update_xaxes(title="difference of test accuracies, percentage points")
    figure.update_yaxes(autorange="reversed", type="category")
    return styled(figure, "How far the runs differ", height=190 + 40 * len(pairs))


def describe_differences(pairs: Mapping[str, "PairedComparison"]) -> str:
    """The figure in words."""
    told = "; ".join(
        f"{title}: {100 * pair.difference:+.1f} points ({100 * pair.low:+.1f} to "
        f"{100 * pair.high:+.1f})"
        for title, pair in pairs.items()
    )
    return (
        f"Difference of test accuracies with 95 % intervals: {told}. The dashed line is no "
        "difference; a filled point is unlikely to be chance."
    )


def _epochs(events: Sequence[RunEvent]) -> list[dict]:
    """The epochs that were trained; epoch 0 belongs to another training."""
    return [e.values for e in events if e.kind == "epoch_ended" and e.values["epoch"]]


def _value(value: float, measure: Measure) -> str:
    return f"{value:.1%}" if measure == "accuracy" else f"{value:.3f}"
