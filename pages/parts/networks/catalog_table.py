"""The catalog of source networks: filters, and a table to choose from."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import session
from transfer_core.networks import (
    SourceNetwork,
    describe_commercial_use,
    get_weights_status,
    has_weights,
)

MAX_SIZES = [10, 50, 100, 200, 500, 5_000]  # megabytes
WEIGHTS_LABELS = {
    "bundled": "part of the program",
    "cached": "on this computer",
    "download": "to download",
    "install": "to install",
}
# Their widths in pixels fit beside the menu in a window of 1280 pixels.
COLUMN_CONFIG = {
    "network": st.column_config.TextColumn(width=190),
    "ImageNet (%)": st.column_config.NumberColumn(
        width=105,
        format="%.1f",
        help="Top-1 accuracy on photos of 1,000 classes that it was not trained on",
    ),
    "its weights are": st.column_config.TextColumn(width=140),
    "size (MB)": st.column_config.NumberColumn(
        width=85, format="%.0f", help="Of its weights, which are downloaded once"
    ),
    "work (billion)": st.column_config.NumberColumn(
        width=110,
        format="%.2f",
        help="Multiplications, each with an addition, for one image",
    ),
    "commercial use": st.column_config.TextColumn(
        width=120,
        help="Of the weights and of what is trained from them; the licence stands below",
    ),
}


def filter_networks(networks: Sequence[SourceNetwork]) -> list[SourceNetwork]:
    """Draw the filters; returns the networks that pass them."""
    session.keep_in_url("networks_name", "")
    session.keep_in_url("networks_size", MAX_SIZES[-1], MAX_SIZES)
    session.keep_in_url("networks_here", False, (False, True))
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
    text = first.text_input("Name", key="networks_name", placeholder="part of a name: resnet")
    limit = second.select_slider(
        "Download at most (MB)",
        MAX_SIZES,
        key="networks_size",
        format_func=lambda size: f"{size:,}",
    )
    only_here = third.toggle("On this computer", key="networks_here")
    words = text.lower().split()
    return [
        network
        for network in networks
        if all(word in f"{network.name} {network.title}".lower() for word in words)
        and network.card["file_size"] <= limit
        and (has_weights(network) or not only_here)
    ]


def show_catalog(networks: Sequence[SourceNetwork]) -> str | None:
    """Draw the table; returns the name of the network whose row was clicked."""
    rows = [_make_row(network) for network in networks]
    event = st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height=min(420, 38 + 35 * len(rows)),
        column_config=COLUMN_CONFIG,
        on_select="rerun",
        selection_mode="single-row",
        placeholder="–",
        alt=f"Table of {len(rows)} networks; each row can be chosen, as in the list below it.",
        key=f"networks_table_{session.get_workspace().start_key}",
    )
    clicked = event.selection.rows
    return networks[clicked[0]].name if clicked and clicked[0] < len(networks) else None


def _make_row(network: SourceNetwork) -> dict[str, object]:
    accuracy = network.card.get("accuracy")
    return {
        "network": network.title,
        "ImageNet (%)": None if accuracy is None else 100 * accuracy,
        "its weights are": WEIGHTS_LABELS[get_weights_status(network)],
        "size (MB)": network.card["file_size"],
        "work (billion)": network.card["operations"],
        "commercial use": describe_commercial_use(network),
    }
