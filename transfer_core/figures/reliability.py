"""Reliability diagram of the similarity estimate: stated against true probability."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, apply_layout

if TYPE_CHECKING:
    from transfer_core.transferability.calibration import ReliabilityBin


def plot_reliability_diagram(bins: "Sequence[ReliabilityBin]") -> go.Figure:
    """Fraction of image sets that were similar, against the stated probability."""
    figure = go.Figure(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            name="as it should be",
            hoverinfo="skip",
            line={"dash": "dash", "color": GREY},
        )
    )
    figure.add_scatter(
        x=[each.stated for each in bins],
        y=[each.similar / each.count for each in bins],
        mode="lines+markers+text",
        name="measured",
        line={"color": BLUE},
        marker={"size": 10},
        text=[f"{each.similar} of {each.count}" for each in bins],
        textposition="top center",
        cliponaxis=False,
        hovertemplate="stated %{x:.0%}: truly %{y:.0%}, %{text}<extra></extra>",
    )
    figure.update_xaxes(title="probability of similar, as stated", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title="truly similar", tickformat=".0%", range=[0, 1.1])
    return apply_layout(figure, "How right the estimate has been")


def describe_reliability_diagram(bins: "Sequence[ReliabilityBin]") -> str:
    """The figure in words."""
    bins_in_words = ", ".join(
        f"stated about {each.stated:.0%}, truly similar {each.similar} of {each.count}"
        for each in bins
    )
    return f"On image sets whose kind the estimate had not seen: {bins_in_words}."
