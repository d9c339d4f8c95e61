"""Gains of training everything over training only a head, measured on many image sets."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, ORANGE, apply_layout
from transfer_core.languages import _

if TYPE_CHECKING:
    from transfer_core.transferability import BenchmarkResult

TICKS = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000]  # images


def plot_fine_tuning_gains(measured: "Sequence[BenchmarkResult]") -> go.Figure:
    """Percentage points won by training everything, against the number of images to learn from.

    Args:
        measured: Image sets, each of one size; at least one.
    """
    figure = go.Figure()
    won = [each for each in measured if each.fine_tuning_gain > 0]
    others = [each for each in measured if each.fine_tuning_gain <= 0]
    for sets, name, colour, symbol in (
        (won, _("training everything won"), ORANGE, "diamond"),
        (others, _("one new layer did as well, or better"), BLUE, "circle"),
    ):
        figure.add_scatter(
            x=[each.images for each in sets],
            y=[100 * each.fine_tuning_gain for each in sets],
            mode="markers",
            name=name,
            text=[each.name for each in sets],
            marker={"size": 9, "color": colour, "symbol": symbol},
            hovertemplate=_("%{text}, %{x:,} pictures: %{y:+.1f} points") + "<extra></extra>",
        )
    figure.add_hline(y=0, line={"width": 2, "color": GREY, "dash": "dash"})
    for each in _find_extremes(measured):
        figure.add_annotation(
            x=math.log10(each.images),
            y=100 * each.fine_tuning_gain,
            text=each.name,
            showarrow=False,
            xanchor="left",
            xshift=9,
        )
    figure.update_xaxes(title=_("pictures to learn from"), type="log", tickvals=TICKS)
    figure.update_yaxes(title=_("points won"))
    return apply_layout(figure, _("New layer, or train everything?"))


def describe_fine_tuning_gains(measured: "Sequence[BenchmarkResult]") -> str:
    """The figure in words."""
    won = sum(each.fine_tuning_gain > 0 for each in measured)
    ends = ", ".join(
        _(
            "{points:+.0f} points on {name} with {images:,} pictures",
            points=100 * each.fine_tuning_gain,
            name=each.name,
            images=each.images,
        )
        for each in _find_extremes(measured)
    )
    return _(
        "Training everything won on {won} of {sets} image sets; one new layer did as well, or "
        "better, on the others. The furthest: {ends}.",
        won=won,
        sets=len(measured),
        ends=ends,
    )


def _find_extremes(measured: "Sequence[BenchmarkResult]") -> tuple["BenchmarkResult", ...]:
    """The sets on which training everything won and lost most."""
    ordered = sorted(measured, key=lambda each: each.fine_tuning_gain)
    return ordered[-1], ordered[0]
