"""Calibration curve: stated confidence against accuracy on the test images."""

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, apply_layout
from transfer_core.languages import _

if TYPE_CHECKING:
    from transfer_core.inspection import ConfidenceCalibration


def plot_calibration_curve(calibration: "ConfidenceCalibration") -> go.Figure:
    """Accuracy against stated confidence, and below it the number of images of each bin."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name=_("as it should be"),
        hoverinfo="skip",
        line={"dash": "dash", "color": GREY},
    )
    _add_accuracies(figure, calibration)
    _add_image_counts(figure, calibration)
    figure.update_xaxes(
        title=_("how sure, as stated"), range=[0, 1.04], tickformat=".0%", anchor="y2"
    )
    figure.update_layout(
        yaxis={"title": _("right"), "tickformat": ".0%", "range": [0, 1.05], "domain": [0.36, 1]},
        yaxis2={"title": _("images"), "rangemode": "tozero", "nticks": 4, "domain": [0, 0.26]},
    )
    return apply_layout(figure, _("As sure as it is right?"), height=460)


def _add_accuracies(figure: go.Figure, calibration: "ConfidenceCalibration") -> None:
    bins = calibration.bins
    accuracies = [each.correct / each.images for each in bins]
    figure.add_scatter(
        x=[each.stated for each in bins],
        y=accuracies,
        mode="lines+markers",
        name=_("measured, with 95 % intervals"),
        line={"color": BLUE},
        marker={"size": 9},
        customdata=[
            _("{right:,} of {images:,}", right=each.correct, images=each.images) for each in bins
        ],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [e.interval[1] - y for e, y in zip(bins, accuracies, strict=True)],
            "arrayminus": [y - e.interval[0] for e, y in zip(bins, accuracies, strict=True)],
        },
        hovertemplate=_("%{x:.0%} sure: %{y:.0%} right, %{customdata}") + "<extra></extra>",
    )


def _add_image_counts(figure: go.Figure, calibration: "ConfidenceCalibration") -> None:
    figure.add_bar(
        x=[each.stated for each in calibration.bins],
        y=[each.images for each in calibration.bins],
        width=0.06,
        showlegend=False,
        marker={"color": BLUE},
        yaxis="y2",
        text=[f"{each.images:,}" for each in calibration.bins],
        textposition="outside",
        cliponaxis=False,
        hovertemplate=_("%{x:.0%} sure: %{y:,} images") + "<extra></extra>",
    )


def describe_calibration_curve(calibration: "ConfidenceCalibration") -> str:
    """The figure in words."""
    bins = ", ".join(
        _(
            "about {stated:.0%} sure, right {right:,} of {images:,}",
            stated=each.stated,
            right=each.correct,
            images=each.images,
        )
        for each in calibration.bins
    )
    error = _("Expected calibration error {points:.1f} points.", points=100 * calibration.error)
    return f"{bins[:1].upper()}{bins[1:]}. {error}"
