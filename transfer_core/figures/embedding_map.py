"""A map of the test images: images that the network sees alike lie near each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from transfer_core.figures.theme import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    apply_layout,
    escape_label,
)
from transfer_core.languages import _

if TYPE_CHECKING:
    from transfer_core.inspection import Projection

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, GREY)
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "pentagon", "cross")
MAX_DISTINCT_CLASSES = len(COLOURS) * len(SYMBOLS)  # further classes look like earlier ones


def plot_embedding_projection(
    projection: "Projection",
    labels: np.ndarray,
    positions: np.ndarray,
    classes: Sequence[str],
    title: str,
    chosen: int | None = None,
) -> go.Figure:
    """A point for each image; its customdata is the image's position.

    Args:
        projection: Positions of the M points in the plane.
        labels: True classes, int64 (M,), shown by colour and symbol together.
        positions: Indices of the images among the test images, int64 (M,).
        classes: The class names.
        title: Short enough for a phone.
        chosen: Index of the image to mark.
    """
    figure, points = go.Figure(), projection.points
    for label in np.unique(labels):
        inside = labels == label
        _add_class(
            figure, label, escape_label(classes[label], 20), points[inside], positions[inside]
        )
    here = np.flatnonzero(positions == chosen)
    if len(here):
        figure.add_scatter(
            x=points[here, 0],
            y=points[here, 1],
            mode="markers",
            name=_("chosen image"),
            marker={"symbol": "circle-open", "size": 20, "color": ORANGE, "line": {"width": 3}},
            hoverinfo="skip",
        )
    titles = [_("first direction"), _("second direction")]
    if projection.explained_variance_ratio:
        titles = [
            _("{name} ({share:.0%} of the spread)", name=name, share=share)
            for name, share in zip(titles, projection.explained_variance_ratio, strict=True)
        ]
    look = {"showticklabels": False, "zeroline": False}
    figure.update_xaxes(look, title=titles[0])
    figure.update_yaxes(look, title=titles[1])
    return _place_legend(figure, title)


def _place_legend(figure: go.Figure, title: str) -> go.Figure:
    """Lay out the figure with its legend below the map; too many classes get none."""
    has_legend = len(figure.data) <= MAX_DISTINCT_CLASSES + 1
    rows = -(-len(figure.data) // 2) if has_legend else 0  # two names a row
    figure.update_layout(hovermode="closest", showlegend=has_legend)
    figure = apply_layout(figure, title, height=420 + 20 * rows)
    return figure.update_layout(
        margin={"t": 44}, legend={"y": 0, "yref": "container", "yanchor": "bottom"}
    )


def _add_class(
    figure: go.Figure, label: int, name: str, points: np.ndarray, positions: np.ndarray
) -> None:
    steady = {"marker": {"opacity": 0.85}}  # a click must not fade the other points
    figure.add_scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        name=name,
        customdata=positions,
        selected=steady,
        unselected=steady,
        marker={
            "color": COLOURS[label % len(COLOURS)],
            "size": 8,
            "opacity": 0.85,
            # Five colours and eight symbols have no common divisor: 40 combinations.
            "symbol": SYMBOLS[label % len(SYMBOLS)],
        },
        hovertemplate=_("%{fullData.name}, image %{customdata}") + "<extra></extra>",
    )


def describe_embedding_projection(
    nearest_neighbour_accuracy: float, count: int, classes: int
) -> str:
    """The figure in words.

    Args:
        nearest_neighbour_accuracy: Fraction of images whose nearest neighbour in the full
            embedding has the same class, in [0, 1].
        count: Number of images M.
        classes: Number of classes.
    """
    return _(
        "{images:,} test images; for {share:.0%} of them the nearest other image, in all "
        "directions, is of the same class (about {chance:.0%} would be chance).",
        images=count,
        share=nearest_neighbour_accuracy,
        chance=1 / classes,
    )
