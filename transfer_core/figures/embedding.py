"""The test images as points: near to each other where the network sees them alike."""

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

if TYPE_CHECKING:
    from transfer_core.inspection.embedding_map import Projection

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, GREY)
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "pentagon", "cross")
MAX_DISTINCT_CLASSES = len(COLOURS) * len(SYMBOLS)  # classes; further ones look like earlier ones


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
        projection: Where the M points lie.
        labels: True classes, int64 (M,); colour and symbol together tell them.
        positions: Of the images among the test images, int64 (M,).
        classes: The class names.
        title: Short enough for a phone.
        chosen: Position of the image to be marked.
    """
    figure, points = go.Figure(), projection.points
    for label in np.unique(labels):
        inside = labels == label
        steady = {"marker": {"opacity": 0.85}}  # a click must not fade the others
        figure.add_scatter(
            x=points[inside, 0],
            y=points[inside, 1],
            mode="markers",
            name=escape_label(classes[label], 20),
            customdata=positions[inside],
            selected=steady,
            unselected=steady,
            marker={
                "color": COLOURS[label % len(COLOURS)],
                "size": 8,
                "opacity": 0.85,
                # Five colours and eight symbols have no common divisor: 40 looks.
                "symbol": SYMBOLS[label % len(SYMBOLS)],
            },
            hovertemplate="%{fullData.name}, image %{customdata}<extra></extra>",
        )
    here = np.flatnonzero(positions == chosen)
    if len(here):
        figure.add_scatter(
            x=points[here, 0],
            y=points[here, 1],
            mode="markers",
            name="chosen image",
            marker={"symbol": "circle-open", "size": 20, "color": ORANGE, "line": {"width": 3}},
            hoverinfo="skip",
        )
    named = ["first direction", "second direction"]
    if projection.explained_variance_ratio:
        named = [
            f"{name} ({share:.0%} of the spread)"
            for name, share in zip(named, projection.explained_variance_ratio, strict=True)
        ]
    look = {"showticklabels": False, "zeroline": False}
    figure.update_xaxes(look, title=named[0])
    figure.update_yaxes(look, title=named[1])
    rows = -(-len(figure.data) // 2)  # of the legend, below the map, two names a row
    figure.update_layout(
        hovermode="closest", showlegend=len(figure.data) <= MAX_DISTINCT_CLASSES + 1
    )
    figure = apply_layout(
        figure, title, height=420 + (20 * rows if figure.layout.showlegend else 0)
    )
    return figure.update_layout(
        margin={"t": 44}, legend={"y": 0, "yref": "container", "yanchor": "bottom"}
    )


def describe_embedding_projection(
    nearest_neighbour_accuracy: float, count: int, classes: int
) -> str:
    """The figure in words."""
    return (
        f"{count:,} test images; for {nearest_neighbour_accuracy:.0%} of them the nearest other image, in all "
        f"directions, is of the same class (about {1 / classes:.0%} would be chance)."
    )
