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
COST_HELP = "Billion multiplications, each with an addition, for one image"
COLUMN_CONFIG = {
    "ImageNet accuracy (%)": st.column_config.NumberColumn(
        format="%.1f", help="Top-1, on photos of 1,000 classes that it was not trained on"
    ),
    "download (MB)": st.column_config.NumberColumn(format="%.0f"),
    "cost per image (billion)": st.column_config.NumberColumn(format="%.2f", help=COST_HELP),
    "weights (million)": st.column_config.NumberColumn(format="%.1f"),
    "commercial use": st.column_config.TextColumn(
        help="Of the weights and of what is trained from them; the licence stands below"
    ),
}


def filter_networks(networks: Sequence[SourceNetwork]) -> list[SourceNetwork]:
    """Draw the filters; returns the networks that pass them."""
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
    text = first.text_input("Name", key="networks_name", placeholder="part of a name: resnet")
    limit = second.select_slider(
        "Download at most (MB)",
        MAX_SIZES,
        value=MAX_SIZES[-1],
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
        "ImageNet accuracy (%)": None if accuracy is None else 100 * accuracy,
        "its weights are": WEIGHTS_LABELS[get_weights_status(network)],
        "download (MB)": network.card["file_size"],
        "cost per image (billion)": network.card["operations"],
        "weights (million)": network.card["parameters"] / 1e6,
        "input (pixels)": network.input_size,
        "commercial use": describe_commercial_use(network),
    }
