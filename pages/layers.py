"""Layers: an image on its way through the network, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.layers.channel_view import show_channel
from pages.parts.layers.image_choice import choose_image
from pages.parts.layers.layer_transfer import show_layer_transfer
from pages.parts.layers.stage_view import show_stage
from pages.parts.layers.way_through import choose_stage
from pages.shared import caches, session
from pages.shared.caches import LookedAt
from pages.shared.layout import show_errors, show_page_title
from transfer_core import networks
from transfer_core.errors import NetworkError, RunError
from transfer_core.languages import N_, _
from transfer_core.networks import has_weights

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from transfer_core.dataset import DataSet
    from transfer_core.runs import RunRecord

NETWORK_KEY = "layers_network"  # in the address too
VIEW_KEY = "layers_view"  # in the address too
VIEWS = {"image": N_("An image inside"), "transfer": N_("How transferable?")}
RUN = "run"  # in place of a network's name: the network of the run that is open


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Layers"), "pages/layers.py")
    view = choose_view()
    choices, place = st.columns([2, 7], gap="medium")
    with choices, show_errors():
        data_id = session.get_current_id("data")
        data = caches.load_data_set(data_id) if data_id else None
        shown = choose_networks()
        file = choose_image(data) if view == "image" else None
        if view == "image":
            offer_experiment()
    if view == "transfer":
        with place, show_errors():
            show_layer_transfer(data, networks.get_network(shown[-1].network))
    elif file is None:
        place.info(_("Choose an image to send through the network."), icon=":material/info:")
    else:
        with show_errors():
            show_way_through(shown, file, data, place)


def choose_view() -> str:
    """Let one of the page's two views be chosen."""
    session.read_widget_from_url(VIEW_KEY, VIEWS, "image")
    view = st.segmented_control(
        _("View"),
        list(VIEWS),
        required=True,
        format_func=lambda each: _(VIEWS[each]),
        key=VIEW_KEY,
        label_visibility="collapsed",
    )
    session.write_widget_to_url(VIEW_KEY)
    return view


def offer_experiment() -> None:
    """Draw the button to the page's other view."""
    st.button(
        _("How transferable are they?"),
        type="primary",
        icon=":material/science:",
        key="layers_to_transfer",
        width="stretch",
        on_click=session.set_widgets,
        kwargs={VIEW_KEY: "transfer"},
    )


def show_way_through(
    shown: list[LookedAt], file: bytes, data: DataSet | None, place: DeltaGenerator
) -> None:
    """Draw the image on its way through the network, then one stage and one channel of it."""
    with place:
        pixels = caches.prepare_image(shown[-1], file)
        passes = {each: caches.run_layers(each, file) for each in shown}
        stage = choose_stage(passes, pixels)
    channels, details = st.columns([3, 2] if len(shown) == 1 else 2, gap="medium")
    with channels:
        channel = show_stage(passes, stage)
    with details:
        show_channel(passes, stage, channel, pixels, data)


def choose_networks() -> list[LookedAt]:
    """Let a network be chosen; a run's network comes as it was before and after training."""
    record = find_finished_run()
    present = {each.name: each.title for each in networks.list_networks() if has_weights(each)}
    titles = {RUN: N_("The network you trained")} | present if record else present
    names = list(titles)
    first = RUN if record else session.get_network_name()
    session.read_widget_from_url(NETWORK_KEY, names, first if first in names else names[0])
    name = st.selectbox(
        _("Network"), names, format_func=lambda each: _(titles[each]), key=NETWORK_KEY
    )
    session.write_widget_to_url(NETWORK_KEY)
    if name != RUN:
        return [LookedAt(name)]
    network = record.config.network
    after = LookedAt(network, record.id, "after")
    try:
        before = LookedAt(network, record.id, "before")
        caches.load_network(before)
    except NetworkError:  # the weights that the run began with are gone
        return [after]
    return [before, after]


def find_finished_run() -> RunRecord | None:
    """The run that is open, if it has a network to show."""
    run_id = session.get_current_id("run")
    if not run_id:
        return None
    try:
        record = session.find_run(run_id)
        caches.load_trained_network(run_id)
    except RunError:
        return None
    return record


draw()
