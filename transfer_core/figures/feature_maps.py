"""Feature maps of one stage as pictures, and in words."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from plotly.colors import get_colorscale, sample_colorscale, unlabel_rgb

from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.inspection import StageMaps

GAP_PIXELS = 2  # between the maps of a mosaic
MOSAIC_COLUMNS = 3  # and rows
MAX_NAMED_CHANNELS = 5  # in the text alternative
# Nuñez et al. 2018: rises evenly in brightness, also for colour-blind people.
COLOUR_SCALE = "Cividis"


def render_map(stage: "StageMaps", channel: int, side: int) -> np.ndarray:
    """Draw where a channel is excited, dark for not at all; uint8 (side, side, 3).

    A map is drawn relative to its own maximum, the number of a channel without positions as a bar
    relative to the highest of its stage.
    """
    if not stage.has_positions:
        return _draw_bars(_normalise_peaks(stage)[[channel]], side)
    levels = stage.normalise_map(channel)
    colours = _list_colours()[(levels * 255).round().astype(int)]
    enlarged = levels.shape[0] < side
    way = Image.Resampling.NEAREST if enlarged else Image.Resampling.BOX
    return np.asarray(Image.fromarray(colours).resize((side, side), way))


def render_mosaic(stage: "StageMaps", side: int) -> np.ndarray:
    """Draw the maps of the strongest channels in a square, each of this side; uint8.

    Of a stage without positions all channels are drawn in their order, as bars.
    """
    if not stage.has_positions:
        return _draw_bars(
            _normalise_peaks(stage), MOSAIC_COLUMNS * (side + GAP_PIXELS) - GAP_PIXELS
        )
    channels = stage.rank_channels()[: MOSAIC_COLUMNS**2]
    return join_pictures([render_map(stage, int(channel), side) for channel in channels])


def render_patches(patches: Sequence[np.ndarray], side: int) -> np.ndarray:
    """Draw parts of images, each uint8 (S, S, 3), in a square, each of this side; uint8."""
    way = Image.Resampling.BICUBIC
    resized = [Image.fromarray(each).resize((side, side), way) for each in patches]
    return join_pictures([np.asarray(each) for each in resized])


def join_pictures(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Join pictures of one size, uint8 (S, S, 3), row by row into a square."""
    side = len(pictures[0])
    whole = MOSAIC_COLUMNS * (side + GAP_PIXELS) - GAP_PIXELS
    mosaic = np.zeros((whole, whole, 3), np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, MOSAIC_COLUMNS)
        top, left = row * (side + GAP_PIXELS), column * (side + GAP_PIXELS)
        mosaic[top : top + side, left : left + side] = picture
    return mosaic


def _normalise_peaks(stage: "StageMaps") -> np.ndarray:
    """The activation of each channel as a share of the highest, float (C,) in [0, 1]."""
    return np.maximum(stage.peaks, 0) / max(float(stage.peaks.max()), 1e-12)


def _draw_bars(levels: np.ndarray, side: int) -> np.ndarray:
    """Draw numbers in [0, 1] as bars from left to right in a square, uint8 (side, side, 3).

    Where there are more bars than pixels, the highest of those that fall on a pixel is drawn.
    """
    owners = np.arange(max(side, len(levels))) * len(levels) // max(side, len(levels))
    columns = np.array_split(levels[owners], side)
    heights = np.array([each.max() for each in columns])
    rows = (np.arange(side)[::-1] + 0.5)[:, None] / side  # heights of the pixels, top first
    shown = np.where(rows < heights, heights, 0)
    return _list_colours()[(shown * 255).round().astype(int)]


def render_overlay(stage: "StageMaps", channel: int, pixels: np.ndarray) -> np.ndarray:
    """Draw the image, dimmed where a channel is not excited; uint8 (H, W, 3)."""
    height, width = pixels.shape[:2]
    level = Image.fromarray(stage.normalise_map(channel).astype(np.float32))
    light = np.asarray(level.resize((width, height), Image.Resampling.BILINEAR))[..., None]
    light = np.sqrt(light)  # so that weak places are seen too
    grey = pixels.mean(axis=2, keepdims=True)
    return (grey * 0.35 * (1 - light) + pixels * light).round().astype(np.uint8)


def describe_stage_maps(stage: "StageMaps", channels: Iterable[int]) -> str:
    """The strongest channels of a stage for an image, in words."""
    count, height, width = stage.maps.shape
    named = ", ".join(f"{channel + 1}" for channel in list(channels)[:MAX_NAMED_CHANNELS])
    active = float((stage.peaks > 0).mean())
    text = (
        N_(
            "{stage} responds to {sees}. It has {count:,} channels: each looks for one thing, at "
            "{height} by {width} places. This image excites {active:.0%} of them; the strongest: "
            "{named}."
        )
        if stage.has_positions
        else N_(
            "{stage} responds to {sees}. It has {count:,} units: each gives one number, drawn as a "
            "bar. This image excites {active:.0%} of them; the strongest: {named}."
        )
    )
    return _(
        text,
        stage=_(stage.title),
        sees=_(stage.sees),
        count=count,
        height=height,
        width=width,
        active=active,
        named=named,
    )


@cache
def _list_colours() -> np.ndarray:
    """The colour scale in 256 steps, uint8 (256, 3)."""
    samples = sample_colorscale(get_colorscale(COLOUR_SCALE), np.linspace(0, 1, 256))
    return np.array([unlabel_rgb(each) for each in samples]).round().astype(np.uint8)
