"""An attribution map over its image, and the effect of randomised weights on such maps."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from transfer_core.figures.theme import BLUE, GREY, TRANSPARENT, apply_layout, escape_label
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.inspection import SanityStep

TINT_RGB = (255, 140, 0)  # drawn over the grey image
MAX_OPACITY = 0.75  # of the tint, at the highest value
CONTOUR_LEVEL = 0.5  # of the highest value; a line is drawn there
MIN_SIDE_PIXELS = 384  # smaller images are enlarged
REGION_NAMES = (
    (N_("at the upper left"), N_("at the top"), N_("at the upper right")),
    (N_("at the left"), N_("at the centre"), N_("at the right")),
    (N_("at the lower left"), N_("at the bottom"), N_("at the lower right")),
)


def plot_attribution(pixels: np.ndarray, attribution: np.ndarray, title: str) -> go.Figure:
    """Draw the image in grey, tint it by its attribution, and outline values above one half.

    Args:
        pixels: uint8, shape (H, W, 3).
        attribution: float32 (H, W), relative to the highest value, in [0, 1].
        title: Short enough for a phone.
    """
    height, width = attribution.shape
    figure = go.Figure(_build_colour_scale())
    figure.add_layout_image(
        source=_encode_png(pixels, attribution),
        x=0,
        y=0,
        xref="x",
        yref="y",
        sizex=width,
        sizey=height,
        sizing="stretch",
        layer="below",
    )
    look = {"visible": False, "fixedrange": True}
    figure.update_xaxes(look, range=[0, width], constrain="domain")
    figure.update_yaxes(
        look, range=[height, 0], scaleanchor="x", constrain="domain", constraintoward="bottom"
    )
    figure = apply_layout(figure, escape_label(title), height=380)
    return figure.update_layout(margin={"t": 44})


def _build_colour_scale() -> go.Scatter:
    """An invisible point whose colour bar explains the tint."""
    return go.Scatter(
        x=[None],
        y=[None],
        mode="markers",
        showlegend=False,
        hoverinfo="skip",
        marker={
            "color": [0],
            "cmin": 0,
            "cmax": 1,
            "showscale": True,
            "colorscale": [[0, TRANSPARENT], [1, f"rgb{TINT_RGB}"]],
            "colorbar": {
                "orientation": "h",
                "thickness": 10,
                "y": 0,
                "yanchor": "top",
                "len": 0.9,
                "tickvals": [0, 0.5, 1],
                "ticktext": [_("none"), _("half (the line)"), _("most")],
                "outlinewidth": 1,
            },
        },
    )


def describe_attribution(attribution: np.ndarray, name: str) -> str:
    """The map in words."""
    if attribution.max() <= 0:
        return _("Nothing in this image speaks for {name}.", name=name)
    row, column = np.unravel_index(attribution.argmax(), attribution.shape)
    height, width = attribution.shape
    place = REGION_NAMES[3 * int(row) // height][3 * int(column) // width]
    share = float((attribution >= CONTOUR_LEVEL).mean())
    return _(
        "What speaks for {name} lies most of all {place}; {share:.0%} of the image has at least "
        "half of the highest value.",
        name=name,
        place=_(place),
        share=share,
    )


def plot_sanity_check(steps: "Sequence[SanityStep]") -> go.Figure:
    """Rank correlation of maps with the original ones, as weights are randomised stage by stage."""
    names = [_("nothing"), *(escape_label(_(step.title), 18) for step in steps)]
    figure = go.Figure(
        go.Scatter(
            x=names,
            y=[1.0, *(step.correlation for step in steps)],
            mode="lines+markers",
            line={"color": BLUE},
            marker={"size": 9},
            showlegend=False,
            error_y={"type": "data", "array": [0.0, *(step.standard_deviation for step in steps)]},
            hovertemplate=_("random down to %{x}: %{y:.2f}") + "<extra></extra>",
        )
    )
    figure.add_hline(y=0, line={"color": GREY, "dash": "dash"})
    figure.update_xaxes(title=_("weights randomised from the output down to"))
    figure.update_yaxes(title=_("rank correlation with the maps before"), range=[-0.6, 1.1])
    return apply_layout(figure, _("Do the maps show what was learned?"))


def describe_sanity_check(steps: "Sequence[SanityStep]") -> str:
    """The figure in words."""
    correlations = ", ".join(f"{_(step.title)} {step.correlation:.2f}" for step in steps)
    return _(
        "Rank correlation of the maps with those before, weights randomised from the output down "
        "to: {correlations}. Near 0 means that the maps depend on what was learned; near 1 would "
        "mean that they only show the image.",
        correlations=correlations,
    )


def _encode_png(pixels: np.ndarray, attribution: np.ndarray) -> str:
    """The tinted image as a data URL."""
    scale = max(1, -(-MIN_SIDE_PIXELS // max(attribution.shape)))
    size = attribution.shape[1] * scale, attribution.shape[0] * scale
    grey = np.asarray(Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.BICUBIC))
    strength = np.asarray(
        Image.fromarray(attribution.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    )
    opacity = (MAX_OPACITY * np.clip(strength, 0, 1))[..., None]
    tinted = grey[..., None] * (1 - opacity) + np.array(TINT_RGB) * opacity
    tinted[_find_outline(strength >= CONTOUR_LEVEL)] = 255
    file = io.BytesIO()
    Image.fromarray(tinted.round().astype(np.uint8)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _find_outline(mask: np.ndarray) -> np.ndarray:
    """The border of a mask inside it, two pixels wide, bool (H, W)."""
    eroded = mask.copy()
    for _pixel in range(2):
        padded = np.pad(eroded, 1, constant_values=True)
        eroded = (
            padded[1:-1, 1:-1]
            & padded[:-2, 1:-1]
            & padded[2:, 1:-1]
            & padded[1:-1, :-2]
            & padded[1:-1, 2:]
        )
    return mask & ~eroded
