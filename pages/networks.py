"""Networks: the catalog, what suits this computer, downloads, and a person's own weights."""

import streamlit as st

from pages.parts.networks.catalog_table import (
    filter_networks,
    show_catalog,
    show_recommendation,
)
from pages.parts.networks.network_details import show_network_details, upload_own_weights
from pages.parts.networks.timm_search import search_timm_networks
from pages.shared import caches, session
from pages.shared.layout import show_errors, show_page_title
from transfer_core import networks
from transfer_core.networks import SourceNetwork

DEFAULT_IMAGE_COUNT = 1_000  # images for which times are shown if no data set is chosen


def draw() -> None:
    """Draw the page."""
    show_page_title("Networks", "pages/networks.py")
    st.markdown(
        "What is transferred is what a network has already learned. The demonstration network is "
        "small enough to watch; the others are larger, were trained on 1.28 million photos, and "
        "see more. The same four cases apply to all."
    )
    with show_errors():
        data_id = session.get_current_id("data")
        data = caches.load_data_set(data_id) if data_id else None
        # The demonstration network has no ImageNet accuracy and comes first.
        catalog = sorted(networks.list_networks(), key=lambda each: -each.card.get("accuracy", 1))
    images, speed = len(data.records) if data else DEFAULT_IMAGE_COUNT, caches.measure_speed()
    phrase = f"your {images:,} images" if data else f"{images:,} images"
    show_recommendation(catalog, images, phrase, speed)
    shown = filter_networks(catalog)
    if not shown:
        st.info("No network is so. Loosen the filters.", icon=":material/filter_alt_off:")
        return
    st.caption(
        f"{len(shown)} of {len(catalog)} networks; times are for {phrase}. Click a header to sort."
    )
    clicked = show_catalog(shown, images, speed)
    network = search_timm_networks() or choose_network(shown, clicked)
    with st.container(border=True):
        show_network_details(network)
    if network.origin != "own":
        with st.expander("Your own weights for this network", icon=":material/upload:"):
            upload_own_weights(network)


def choose_network(shown: list[SourceNetwork], clicked: str | None) -> SourceNetwork:
    """Let a network be chosen from a list; at first the one clicked, else the one in use."""
    work, titles = session.get_workspace(), {each.name: each.title for each in shown}
    current, names = clicked or work.network, list(titles)
    name = st.selectbox(
        "Look at",
        names,
        index=names.index(current) if current in names else 0,
        format_func=titles.get,
        key=f"networks_chosen_{current}_{len(shown)}_{work.start_key}",
    )
    return networks.get_network(name)


draw()
