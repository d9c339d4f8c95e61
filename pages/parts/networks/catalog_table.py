"""The catalog of source networks: a recommendation, filters, and a table to choose from."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import session
from pages.shared.layout import escape_markdown, format_duration
from transfer_core.networks import (
    SourceNetwork,
    estimate_embedding_seconds,
    get_weights_status,
    has_weights,
    recommend_network,
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
    "time here (min)": st.column_config.NumberColumn(
        format="%.1f", help="At best, for all images to pass through once, as in cases 1 and 2"
    ),
    "weights (million)": st.column_config.NumberColumn(format="%.1f"),
}


def show_recommendation(
    networks: Sequence[SourceNetwork], images: int, images_phrase: str, speed: float
) -> None:
    """Say which network to take, and why.

    Args:
        networks: The catalog.
        images: Number of images that will pass through the network.
        images_phrase: The same in words, such as "your 300 images".
        speed: Of this computer, in billion multiplications a second.
    """
    words = f"This computer does about {speed:,.0f} billion multiplications a second. "
    best = recommend_network(networks, images, speed)
    if best is None:
        words += (
            f"With {images_phrase} take the demonstration network: every other one would take "
            "minutes."
        )
    else:
        took = format_duration(estimate_embedding_seconds(best, images, speed))
        words += (
            f"For {images_phrase}, **{escape_markdown(best.title)}** is the most accurate on "
            f"ImageNet of those that see all images in two minutes ({took} at best, "
            f"{best.card['file_size']:,.0f} MB). Training everything costs about three times that "
            "for each epoch." + _describe_best_here(networks, best, images, speed)
        )
    st.info(words, icon=":material/lightbulb:")


def _describe_best_here(
    networks: Sequence[SourceNetwork], best: SourceNetwork, images: int, speed: float
) -> str:
    here = tuple(each for each in networks if has_weights(each))
    best_here = recommend_network(here, images, speed)
    if best_here is None:
        return " Without a download there is the demonstration network."
    if best_here != best:
        return f" Of those on this computer it is {escape_markdown(best_here.title)}."
    return ""


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


def show_catalog(networks: Sequence[SourceNetwork], images: int, speed: float) -> str | None:
    """Draw the table; returns the name of the network whose row was clicked."""
    rows = [_make_row(network, images, speed) for network in networks]
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


def _make_row(network: SourceNetwork, images: int, speed: float) -> dict[str, object]:
    accuracy = network.card.get("accuracy")
    return {
        "network": network.title,
        "ImageNet accuracy (%)": None if accuracy is None else 100 * accuracy,
        "its weights are": WEIGHTS_LABELS[get_weights_status(network)],
        "download (MB)": network.card["file_size"],
        "time here (min)": estimate_embedding_seconds(network, images, speed) / 60,
        "cost per image (billion)": network.card["operations"],
        "weights (million)": network.card["parameters"] / 1e6,
        "input (pixels)": network.input_size,
        "licence": network.card.get("licence", "").partition(":")[0],
    }
