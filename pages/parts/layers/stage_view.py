"""The channels of one stage for an image, before and after training side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from pages.parts.layers.way_through import MOMENTS
from pages.shared import caches, session
from pages.shared.caches import LookedAt
from pages.shared.layout import escape_markdown
from pages.shared.picture_buttons import PictureChoice, encode_picture, show_picture_buttons
from transfer_core.figures import describe_stage_maps, render_map
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.inspection import ForwardPass, StageMaps

CHANNEL_KEY = "layers_channel"  # in the address too
STAGE_OF_CHANNEL_KEY = "layers_channel_of"  # another stage begins with its strongest channel
ALL_KEY = "layers_all"  # whether all channels are shown; in the address too
MAX_CHANNELS = 40  # of all networks that are shown, the strongest first, unless all are asked for
TILE_PIXELS = 48
FILTER_PIXELS = 34
MAX_FILTERS = 64


def show_stage(passes: dict[LookedAt, ForwardPass], name: str) -> int:
    """Draw the channels of a stage; return the one that is chosen.

    Args:
        passes: The forward pass of each network that is shown; the last gives the order.
        name: Of the stage.
    """
    stages = {each: find_stage(forward, name) for each, forward in passes.items()}
    *__, (looked_at, stage) = stages.items()
    session.read_widget_from_url(CHANNEL_KEY, range(len(stage.maps)), None)
    if st.session_state.setdefault(STAGE_OF_CHANNEL_KEY, name) != name:
        session.set_widgets(**{CHANNEL_KEY: None, STAGE_OF_CHANNEL_KEY: name})
    strongest = [int(channel) for channel in stage.rank_channels()]
    channel = st.session_state[CHANNEL_KEY]
    if channel is None or channel >= len(stage.maps):
        channel = strongest[0]
    shown = _choose_shown(strongest, channel, MAX_CHANNELS // len(stages))
    for each, column in zip(stages, st.columns(len(stages)), strict=True):
        with column:
            _show_channels(each, stages[each], shown, channel)
    session.set_widgets(**{CHANNEL_KEY: channel})
    session.write_widget_to_url(CHANNEL_KEY)
    st.caption(escape_markdown(describe_stage_maps(stage, strongest)))
    if len(stages) > 1:
        st.caption(describe_change(list(stages.values())))
    _offer_all(stage, MAX_CHANNELS // len(stages))
    if name == next(stage.name for stage in passes[looked_at].stages):
        show_first_filters(looked_at)
    return channel


def _choose_shown(strongest: list[int], channel: int, count: int) -> list[int]:
    """The channels to draw: all if asked for, else the strongest and the chosen one."""
    session.read_widget_from_url(ALL_KEY, (False, True), False)
    if st.session_state[ALL_KEY]:
        return strongest
    shown = strongest[:count]
    return shown if channel in shown else [channel, *shown[:-1]]


def _offer_all(stage: StageMaps, count: int) -> None:
    if len(stage.maps) > count:
        text = (
            N_("Show all {all:,} channels, not the {count} strongest")
            if stage.has_positions
            else N_("Show all {all:,} units, not the {count} strongest")
        )
        st.toggle(_(text, all=len(stage.maps), count=count), key=ALL_KEY)
    session.write_widget_to_url(ALL_KEY, False)


def find_stage(forward: ForwardPass, name: str) -> StageMaps:
    """The maps of the stage of this name."""
    return next(stage for stage in forward.stages if stage.name == name)


def describe_change(stages: list[StageMaps]) -> str:
    """Say how far training changed what a stage makes of the image."""
    before, after = (each.maps for each in stages)
    if np.array_equal(before, after):
        return _("Training has not changed this stage: it was frozen, and so was all before it.")
    change = np.linalg.norm(after - before) / max(float(np.linalg.norm(before)), 1e-12)
    return _("Training changed what this stage gives for the image by {change:.0%}.", change=change)


def show_first_filters(looked_at: LookedAt) -> None:
    """Draw the first layer's filters in their own colours."""
    all_filters = caches.list_first_filters(looked_at)
    if filters := all_filters[:MAX_FILTERS]:
        text = (
            N_("**The first filters**: the patterns that the first layer looks for")
            if len(filters) == len(all_filters)
            else N_(
                "**The first filters**, {count} of {all:,}: the patterns that the first layer "
                "looks for"
            )
        )
        st.markdown(_(text, count=len(filters), all=len(all_filters)))
        names = [_("Filter {number}", number=number) for number in range(1, len(filters) + 1)]
        st.image(list(filters), width=FILTER_PIXELS, alt=names)


def _show_channels(looked_at: LookedAt, stage: StageMaps, shown: list[int], channel: int) -> None:
    if looked_at.run_id:
        st.markdown(f"**{_(MOMENTS[looked_at.moment])}**")
    show_picture_buttons(
        [
            PictureChoice(
                str(each),
                encode_picture(render_map(stage, each, TILE_PIXELS)),
                f"{each + 1}",
                _("channel") if stage.has_positions else _("unit"),
                True,
            )
            for each in shown
        ],
        _("Channels of {stage}", stage=_(stage.title)),
        str(channel),
        key=f"layers_channels_{looked_at.moment}",
        choose=lambda clicked: session.set_widgets(**{CHANNEL_KEY: int(clicked)}),
        side=TILE_PIXELS,
    )
