"""One channel: where the image excites it, patches that do so most, an image made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from pages.parts.layers.stage_view import find_stage
from pages.parts.layers.way_through import MOMENTS
from pages.shared import caches
from pages.shared.caches import LookedAt
from pages.shared.layout import escape_markdown
from pages.shared.progress import show_progress
from transfer_core.dataset import DataSet
from transfer_core.figures import render_overlay, render_patches
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.inspection import ForwardPass, StageMaps

PATCH_PIXELS = 100  # side of one of nine
PICTURE_PIXELS = 140


def show_channel(
    passes: dict[LookedAt, ForwardPass],
    stage: str,
    channel: int,
    pixels: np.ndarray,
    data: DataSet | None,
) -> None:
    """Draw what excites a channel, for each network that is shown.

    Args:
        passes: The forward pass of each network.
        stage: Name of the stage.
        channel: Its channel.
        pixels: The image as the network sees it, uint8 (H, W, 3).
        data: The data set whose patches are shown; None for none.
    """
    *__, last = passes.values()
    text = (
        N_("**Channel {number}**: what excites it?")
        if find_stage(last, stage).has_positions
        else N_("**Unit {number}**: what excites it?")
    )
    st.markdown(_(text, number=channel + 1))
    shown = list(passes)[-1:] if _is_unchanged(passes, stage) else list(passes)
    for looked_at, column in zip(shown, st.columns(len(shown)), strict=True):
        with column:
            if len(shown) > 1:
                st.markdown(_(MOMENTS[looked_at.moment]))
            with st.container(horizontal=True):
                _show_place(find_stage(passes[looked_at], stage), channel, pixels)
                _show_made_image(looked_at, stage, channel)
            if data:
                _show_patches(looked_at, stage, channel, data)


def _show_place(maps: StageMaps, channel: int, pixels: np.ndarray) -> None:
    if maps.has_positions:
        st.image(
            render_overlay(maps, channel, pixels),
            width=PICTURE_PIXELS,
            caption=_("Where in this image"),
            alt=_("The image, bright where the channel is excited"),
        )


def _is_unchanged(passes: dict[LookedAt, ForwardPass], stage: str) -> bool:
    """Whether all networks give the same for the image, because the stage was frozen."""
    first, *others = (find_stage(forward, stage).maps for forward in passes.values())
    return all(np.array_equal(first, other) for other in others)


def _show_made_image(looked_at: LookedAt, stage: str, channel: int) -> None:
    with st.spinner(_("Making an image for it")):
        made = caches.make_exciting_image(looked_at, stage, channel)
    st.image(
        made,
        width=PICTURE_PIXELS,
        caption=_("Made for it"),
        alt=_(
            "An image made by optimisation, so that the channel responds to it as much as possible"
        ),
    )


def _show_patches(looked_at: LookedAt, stage: str, channel: int, data: DataSet) -> None:
    with show_progress() as report:
        caches.find_exciting_images(looked_at, data.id, report)
    patches = caches.crop_exciting_patches(looked_at, data.id, stage, channel)
    st.image(
        render_patches(patches, PATCH_PIXELS),
        width=3 * PATCH_PIXELS,
        caption=_("What excites it most in {data}", data=escape_markdown(data.name)),
        alt=_("The {count} patches of images that excite the channel most", count=len(patches)),
    )
