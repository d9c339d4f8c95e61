"""How sure a network was against how often it was right, on its test images."""

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, apply_layout

if TYPE_CHECKING:
    from transfer_core.inspection.calibration import ConfidenceCalibration


def plot_calibration_curve(calibration: "ConfidenceCalibration") -> go.Figure:
    """The share that is right against the stated confidence; below it the images of each bin."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="as it should be",
        hoverinfo="skip",
        line={"dash": "dash", "color": GREY},
    )
    stated = [each.stated for each in calibration.bins]
    right = [each.correct / each.images for each in calibration.bins]
    told = [f"{each.correct:,} of {each.images:,}" for each in calibration.bins]
    figure.add_scatter(
        x=stated,
        y=right,
        mode="lines+markers",
        name="measured, with 95 % intervals",
        line={"color": BLUE},
        marker={"size": 9},
        customdata=told,
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [e.interval[1] - y for e, y in zip(calibration.bins, right, strict=True)],
            "arrayminus": [y - e.interval[0] for e, y in zip(calibration.bins, right, strict=True)],
        },
        hovertemplate="%{x:.0%} sure: %{y:.0%} right, %{customdata}<extra></extra>",
    )
    figure.add_bar(
        x=stated,
        y=[each.images for each in calibration.bins],
        width=0.06,
        showlegend=False,
        marker={"color": BLUE},
        yaxis="y2",
        text=[f"{each.images:,}" for each in calibration.bins],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x:.0%} sure: %{y:,} images<extra></extra>",
    )
    figure.update_xaxes(title="how sure, as stated", range=[0, 1.04], tickformat=".0%", anchor="y2")
    figure.update_layout(
        yaxis={"title": "right", "tickformat": ".0%", "range": [0, 1.05], "domain": [0.36, 1]},
        yaxis2={"title": "images", "rangemode": "tozero", "nticks": 4, "domain": [0, 0.26]},
    )
    return apply_layout(figure, "As sure as it is right?", height=460)


def describe_calibration_curve(calibration: "ConfidenceCalibration") -> str:
    """The figure in words."""
    told = ", ".join(
        f"about {each.stated:.0%} sure, right {each.correct:,} of {each.images:,}"
        for each in calibration.bins
    )
    return f"{told[:1].upper()}{told[1:]}. Expected calibration error {100 * calibration.error:.1f} points."
