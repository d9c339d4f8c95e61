"""Gains of training everything over training only a head, measured on many image sets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREEN, GREY, ORANGE, PURPLE, apply_layout

if TYPE_CHECKING:
    from transfer_core.transferability import BenchmarkResult

MARKER_STYLES = ((BLUE, "circle"), (ORANGE, "diamond"), (GREEN, "square"), (PURPLE, "cross"))


def plot_fine_tuning_gains(measured: "Sequence[BenchmarkResult]") -> go.Figure:
    """Percentage points won by training everything, against the images' distance, by size."""
    figure = go.Figure()
    sizes = sorted({each.images for each in measured})
    for number, size in enumerate(sizes):
        sets = [each for each in measured if each.images == size]
        colour, symbol = MARKER_STYLES[number % len(MARKER_STYLES)]
        figure.add_scatter(
            x=[each.distance for each in sets],
            y=[100 * each.fine_tuning_gain for each in sets],
            mode="markers",
            name=f"{size:,} images",
            text=[each.name for each in sets],
            marker={"size": 9, "color": colour, "symbol": symbol},
            hovertemplate="%{text}: %{y:+.1f} points<extra>%{fullData.name}</extra>",
        )
    figure.add_hline(y=0, line={"width": 2, "color": GREY, "dash": "dash"})
    figure.update_xaxes(
        title="distance to the source data (nats)", type="log", tickvals=[0.01, 0.03, 0.1, 0.3, 1]
    )
    figure.update_yaxes(title="points won by training everything")
    return apply_layout(figure, "New layer, or train everything?")


def describe_fine_tuning_gains(measured: "Sequence[BenchmarkResult]") -> str:
    """The figure in words."""
    results = []
    for size in sorted({each.images for each in measured}):
        sets = [each for each in measured if each.images == size]
        won = sum(each.fine_tuning_gain > 0 for each in sets)
        results.append(f"with {size:,} images it won on {won} of {len(sets)} image sets")
    return f"Training everything against training a new layer only: {', '.join(results)}."
