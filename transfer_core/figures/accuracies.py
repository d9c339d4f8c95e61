"""Test accuracies of several runs with their intervals."""

from collections.abc import Sequence

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, ORANGE, apply_layout, escape_label
from transfer_core.languages import _

MARKER_STYLES = ((ORANGE, "diamond"), (BLUE, "circle"))


def plot_accuracies(
    rows: Sequence[tuple[str, float, float, float]], majority_accuracy: float
) -> go.Figure:
    """A point for each run, and a line for always saying the largest class.

    Args:
        rows: Name of each run, its accuracy and both ends of its 95 % interval, in [0, 1].
        majority_accuracy: Accuracy of always saying the largest class, in [0, 1].
    """
    figure = go.Figure()
    for number, row in enumerate(rows):
        _add_point(figure, *row, *MARKER_STYLES[min(number, 1)])
    figure.add_scatter(  # names the line in the legend
        x=[None],
        y=[None],
        mode="lines",
        name=_("always the same class"),
        line={"color": GREY, "dash": "dash"},
    )
    figure.add_vline(x=majority_accuracy, line={"color": GREY, "dash": "dash"})
    figure.update_xaxes(title=_("test accuracy, 95 % intervals"), tickformat=".0%", range=[0, 1.02])
    figure.update_yaxes(title=_("run"), automargin=True, autorange="reversed", showgrid=False)
    title = _("Against simpler ways") if len(rows) > 1 else _("Against always the same answer")
    return apply_layout(figure, title, height=150 + 65 * len(rows))


def _add_point(
    figure: go.Figure,
    name: str,
    accuracy: float,
    low: float,
    high: float,
    colour: str,
    symbol: str,
) -> None:
    figure.add_scatter(
        x=[accuracy],
        y=[escape_label(name, 28)],
        mode="markers+text",
        text=[_("{share:.1%}", share=accuracy)],
        textposition="top center",
        showlegend=False,
        cliponaxis=False,
        marker={"color": colour, "symbol": symbol, "size": 14},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - accuracy],
            "arrayminus": [accuracy - low],
            "thickness": 2,
            "width": 6,
            "color": colour,
        },
        hovertemplate=_(
            "{accuracy:.1%}, 95 % interval {low:.1%} to {high:.1%}",
            accuracy=accuracy,
            low=low,
            high=high,
        )
        + "<extra></extra>",
    )


def describe_accuracies(
    rows: Sequence[tuple[str, float, float, float]], majority_accuracy: float
) -> str:
    """The figure in words."""
    accuracies = "; ".join(
        _(
            "{name} {accuracy:.1%} ({low:.1%} to {high:.1%})",
            name=name,
            accuracy=accuracy,
            low=low,
            high=high,
        )
        for name, accuracy, low, high in rows
    )
    return _(
        "Test accuracy: {accuracies}; always the same class {majority:.1%}.",
        accuracies=accuracies,
        majority=majority_accuracy,
    )
