"""Distances of images from the training images, compared with those of validation images."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, ORANGE, apply_layout, escape_label
from transfer_core.languages import _

if TYPE_CHECKING:
    from transfer_core.inspection import OutOfDistributionDetector

BINS = 30


def plot_distances(
    detector: "OutOfDistributionDetector", distances: Mapping[str, float]
) -> go.Figure:
    """A histogram of the validation images' distances, with marks for the person's images.

    Args:
        detector: Distances of validation images, and the threshold.
        distances: The distance of each of the person's images, by its number.
    """
    most = max([*detector.conformal_scores[-1:], *distances.values(), 1e-6]) * 1.05
    counts, edges = np.histogram(detector.conformal_scores, BINS, range=(0, most))
    figure = go.Figure(_build_histogram(counts, edges))
    height = max(1, counts.max(initial=1))
    figure.add_scatter(
        x=list(distances.values()),
        y=[-0.08 * height] * len(distances),
        mode="markers+text",
        text=[escape_label(name, 12) for name in distances],
        textposition="bottom center",
        name=_("your images"),
        marker={"color": ORANGE, "symbol": "triangle-up", "size": 12},
        cliponaxis=False,
        hovertemplate=_("image %{text}: %{x:.3g}") + "<extra></extra>",
    )
    if np.isfinite(detector.threshold):
        figure.add_scatter(
            x=[detector.threshold] * 2,
            y=[0, height],
            mode="lines",
            name=_("unknown beyond this"),
            line={"color": GREY, "dash": "dash", "width": 2},
            hovertemplate=_("unknown beyond %{x:.3g}") + "<extra></extra>",
        )
    figure.update_xaxes(title=_("distance (0 is the same image)"), range=[0, most])
    figure.update_yaxes(title=_("images"), range=[-0.3 * height, 1.1 * height], zeroline=True)
    return apply_layout(figure, _("Distance from the training images"), height=340)


def _build_histogram(counts: np.ndarray, edges: np.ndarray) -> go.Bar:
    return go.Bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges),
        name=_("validation images"),
        marker={"color": BLUE, "pattern": {"shape": "/"}},
        hovertemplate=_("about %{x:.3g}: %{y} images") + "<extra></extra>",
    )


def describe_distances(
    detector: "OutOfDistributionDetector", distances: Mapping[str, float]
) -> str:
    """The figure in words."""
    own_images = ", ".join(
        _("image {name} at {distance:.3g}", name=name, distance=distance)
        for name, distance in distances.items()
    )
    if not np.isfinite(detector.threshold):
        missing = explain_missing_threshold(detector)
        return _("{missing} Yours: {images}.", missing=missing, images=own_images)
    return _(
        "Of the {count:,} validation images half lie within {median:.3g} of the training images "
        "and 95 % within {threshold:.3g}. Yours: {images}.",
        count=len(detector.conformal_scores),
        median=float(np.median(detector.conformal_scores)),
        threshold=detector.threshold,
        images=own_images,
    )


def explain_missing_threshold(detector: "OutOfDistributionDetector") -> str:
    """Explain why no image is called unknown."""
    return _(
        "There are only {images} validation images, too few to say what is usual, so no image is "
        "called unknown.",
        images=len(detector.conformal_scores),
    )
