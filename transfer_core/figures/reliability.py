"""Reliability diagram of the similarity estimate: stated against true probability."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, apply_layout
from transfer_core.languages import _

if TYPE_CHECKING:
    from transfer_core.transferability import ReliabilityBin


def plot_reliability_diagram(bins: "Sequence[ReliabilityBin]") -> go.Figure:
    """Fraction of image sets that were similar, against the stated probability."""
    figure = go.Figure(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            name=_("as it should be"),
            hoverinfo="skip",
            line={"dash": "dash", "color": GREY},
        )
    )
    figure.add_scatter(
        x=[each.stated for each in bins],
        y=[each.similar / each.count for each in bins],
        mode="lines+markers+text",
        name=_("measured"),
        line={"color": BLUE},
        marker={"size": 10},
        text=[_("{n} of {all}", n=each.similar, all=each.count) for each in bins],
        textposition="top center",
        cliponaxis=False,
        hovertemplate=_("stated %{x:.0%}: truly %{y:.0%}, %{text}") + "<extra></extra>",
    )
    title = _("probability of similar, as stated")
    figure.update_xaxes(title=title, tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title=_("truly similar"), tickformat=".0%", range=[0, 1.1])
    return apply_layout(figure, _("How right the estimate has been"))


def describe_reliability_diagram(bins: "Sequence[ReliabilityBin]") -> str:
    """The figure in words."""
    bins_in_words = ", ".join(
        _(
            "stated about {stated:.0%}, truly similar {similar} of {all}",
            stated=each.stated,
            similar=each.similar,
            all=each.count,
        )
        for each in bins
    )
    return _("On image sets whose kind the estimate had not seen: {bins}.", bins=bins_in_words)
