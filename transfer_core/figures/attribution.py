"""An attribution map over its image, and how much randomised weights change such maps."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from transfer_core.figures.theme import BLUE, CLEAR, GREY, plain, styled

if TYPE_CHECKING:
    from transfer_core.inspection.attribution_sanity import SanityStep

TINT = (255, 140, 0)  # over a grey image
STRONGEST = 0.75  # opacity of the tint where the evidence is strongest
HALF = 0.5  # of the highest value, where a line is drawn
SIDE = 384  # pixels that the image is enlarged to at least
PLACES = (("upper left", "top", "upper right"), ("left", "centre", "right"),
          ("lower left", "bottom", "lower right"))  # fmt: skip


def attribution_overlay(pixels: np.ndarray, evidence: np.ndarray, title: str) -> go.Figure:
    """The image in grey, tinted where the evidence lies, with a line round the stronger half.

    Args:
        pixels: uint8, shape (H, W, 3).
        evidence: float32 (H, W), in [0, 1], of the highest value.
        title: Short enough for a phone.
    """
    height, width = evidence.shape
    figure = go.Figure(
        go.Scatter(  # unseen; brings the scale of the tint
            x=[None], y=[None], mode="markers", showlegend=False, hoverinfo="skip",
            marker={
                "color": [0], "cmin": 0, "cmax": 1, "showscale": True,
                "colorscale": [[0, CLEAR], [1, f"rgb{TINT}"]],
                "colorbar": {
                    "orientation": "h", "thickness": 10, "y": 0, "yanchor": "top", "len": 0.9,
                    "tickvals": [0, 0.5, 1], "ticktext": ["none", "half (the line)", "most"],
                    "outlinewidth": 1,
                },
            },
        )
    )  # fmt: skip
    figure.add_layout_image(
        source=_png(pixels, evidence), x=0, y=0, xref="x", yref="y", sizex=width, sizey=height,
        sizing="stretch", layer="below",
    )  # fmt: skip
    look = {"visible": False, "fixedrange": True}
    figure.update_xaxes(look, range=[0, width], constrain="domain")
    figure.update_yaxes(
        look, range=[height, 0], scaleanchor="x", constrain="domain", constraintoward="bottom"
    )
    figure = styled(figure, plain(title), height=380)
    return figure.update_layout(margin={"t": 44})


def describe_attribution(evidence: np.ndarray, name: str) -> str:
    """The map in words."""
    if evidence.max() <= 0:
        return f"Nothing in this image speaks for {name}."
    row, column = np.unravel_index(evidence.argmax(), evidence.shape)
    height, width = evidence.shape
    place = PLACES[3 * int(row) // height][3 * int(column) // width]
    share = float((evidence >= HALF).mean())
    return (
        f"What speaks for {name} lies most of all at the {place}; {share:.0%} of the image has at "
        "least half of the highest value."
    )


def sanity_figure(steps: "Sequence[SanityStep]") -> go.Figure:
    """How alike maps stay while weights are randomised from the output down."""
    names = ["nothing", *(plain(step.title, 18) for step in steps)]
    figure = go.Figure(
        go.Scatter(
            x=names, y=[1.0, *(step.correlation for step in steps)], mode="lines+markers",
            line={"color": BLUE}, marker={"size": 9}, showlegend=False,
            error_y={"type": "data", "array": [0.0, *(step.spread for step in steps)]},
            hovertemplate="random down to %{x}: %{y:.2f}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_hline(y=0, line={"color": GREY, "dash": "dash"})
    figure.update_xaxes(title="weights randomised from the output down to")
    figure.update_yaxes(title="rank correlation with the maps before", range=[-0.6, 1.1])
    return styled(figure, "Do the maps show what was learned?")


def describe_sanity(steps: "Sequence[SanityStep]") -> str:
    """The figure in words."""
    told = ", ".join(f"{step.title} {step.correlation:.2f}" for step in steps)
    return (
        "Rank correlation of the maps with those before, weights randomised from the output down "
        f"to: {told}. Near 0 means that the maps depend on what was learned; near 1 would mean "
        "that they only show the image."
    )


def _png(pixels: np.ndarray, evidence: np.ndarray) -> str:
    """The tinted image as a data address."""
    scale = max(1, -(-SIDE // max(evidence.shape)))
    size = evidence.shape[1] * scale, evidence.shape[0] * scale
    grey = np.asarray(Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.BICUBIC))
    strength = np.asarray(
        Image.fromarray(evidence.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    )
    opacity = (STRONGEST * np.clip(strength, 0, 1))[..., None]
    tinted = grey[..., None] * (1 - opacity) + np.array(TINT) * opacity
    tinted[_outline(strength >= HALF)] = 255
    file = io.BytesIO()
    Image.fromarray(tinted.round().astype(np.uint8)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _outline(inside: np.ndarray) -> np.ndarray:
    """Pixels of a mask at its border, two wide."""
    deep = inside.copy()
    for _ in range(2):
        padded = np.pad(deep, 1, constant_values=True)
        deep = (
            padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1]
            & padded[1:-1, :-2] & padded[1:-1, 2:]
        )  # fmt: skip
    return inside & ~deep
