"""How far images lie from what a network knows, beside what is usual."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, ORANGE, plain, styled

if TYPE_CHECKING:
    from transfer_core.inspection.out_of_distribution import KnownImages

BINS = 30


def distance_figure(known: "KnownImages", tried: Mapping[str, float]) -> go.Figure:
    """Distances of validation images as bars, of tried images as marks below them.

    Args:
        known: What the network knows.
        tried: The distance of each tried image, by its number.
    """
    most = max([*known.usual[-1:], *tried.values(), 1e-6]) * 1.05
    counts, edges = np.histogram(known.usual, BINS, range=(0, most))
    figure = go.Figure()
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2, y=counts, width=np.diff(edges), name="validation images",
        marker={"color": BLUE, "pattern": {"shape": "/"}},
        hovertemplate="about %{x:.3g}: %{y} images<extra></extra>",
    )  # fmt: skip
    height = max(1, counts.max(initial=1))
    figure.add_scatter(
        x=list(tried.values()), y=[-0.08 * height] * len(tried), mode="markers+text",
        text=[plain(name, 12) for name in tried], textposition="bottom center", name="your images",
        marker={"color": ORANGE, "symbol": "triangle-up", "size": 12}, cliponaxis=False,
        hovertemplate="image %{text}: %{x:.3g}<extra></extra>",
    )  # fmt: skip
    if np.isfinite(known.threshold):
        figure.add_scatter(
            x=[known.threshold] * 2, y=[0, height], mode="lines", name="unknown beyond this",
            line={"color": GREY, "dash": "dash", "width": 2},
            hovertemplate="unknown beyond %{x:.3g}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="distance (0 is the same image)", range=[0, most])
    figure.update_yaxes(title="images", range=[-0.3 * height, 1.1 * height], zeroline=True)
    return styled(figure, "Distance from the training images", height=340)


def describe_distances(known: "KnownImages", tried: Mapping[str, float]) -> str:
    """The figure in words."""
    told = ", ".join(f"image {name} at {distance:.3g}" for name, distance in tried.items())
    if not np.isfinite(known.threshold):
        return f"{too_few_words(known)} Yours: {told}."
    return (
        f"Of the {len(known.usual):,} validation images half lie within "
        f"{np.median(known.usual):.3g} of the training images and 95 % within "
        f"{known.threshold:.3g}. Yours: {told}."
    )


def too_few_words(known: "KnownImages") -> str:
    """Why nothing is called unknown."""
    return (
        f"There are only {len(known.usual)} validation images, too few to say what is usual, so "
        "no image is called unknown."
    )
