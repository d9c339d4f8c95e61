"""The catalog of source networks: filters, and a table to choose from."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import session
from transfer_core.languages import N_, _
from transfer_core.networks import (
    SourceNetwork,
    describe_commercial_use,
    get_weights_status,
    has_weights,
)

MAX_SIZES = [10, 50, 100, 200, 500, 5_000]  # megabytes
WEIGHTS_LABELS = {
    "bundled": N_("part of the program"),
    "cached": N_("on this computer"),
    "download": N_("to download"),
    "install": N_("to install"),
}
# Their widths in pixels fit beside the menu in a window of 1280 pixels.
COLUMNS = {  # by key: heading, width, format of a number, help
    "network": (N_("network"), 190, None, None),
    "accuracy": (
        N_("ImageNet (%)"),
        105,
        "%.1f",
        N_("Top-1 accuracy on photos of 1,000 classes that it was not trained on"),
    ),
    "weights": (N_("its weights are"), 140, None, None),
    "size": (N_("size (MB)"), 85, "%.0f", N_("Of its weights, which are downloaded once")),
    "work": (
        N_("work (billion)"),
        110,
        "%.2f",
        N_("Multiplications, each with an addition, for one image"),
    ),
    "use": (
        N_("commercial use"),
        120,
        None,
        N_("Of the weights and of what is trained from them; the licence stands below"),
    ),
}


def filter_networks(networks: Sequence[SourceNetwork]) -> list[SourceNetwork]:
    """Draw the filters; returns the networks that pass them."""
    session.keep_in_url("networks_name", "")
    session.keep_in_url("networks_size", MAX_SIZES[-1], MAX_SIZES)
    session.keep_in_url("networks_here", False, (False, True))
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
    text = first.text_input(_("Name"), key="networks_name", placeholder=_("part of a name: resnet"))
    limit = second.select_slider(
        _("Download at most (MB)"),
        MAX_SIZES,
        key="networks_size",
        format_func=lambda size: _("{size:,}", size=size),
    )
    only_here = third.toggle(_("On this computer"), key="networks_here")
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
        column_config=_configure_columns(),
        on_select="rerun",
        selection_mode="single-row",
        placeholder="–",
        alt=_(
            "Table of {n} networks; each row can be chosen, as in the list below it.", n=len(rows)
        ),
        key=f"networks_table_{session.get_journey().start_key}",
    )
    clicked = event.selection.rows
    return networks[clicked[0]].name if clicked and clicked[0] < len(networks) else None


def _make_row(network: SourceNetwork) -> dict[str, object]:
    accuracy = network.card.get("accuracy")
    return {
        "network": network.title,
        "accuracy": None if accuracy is None else 100 * accuracy,
        "weights": _(WEIGHTS_LABELS[get_weights_status(network)]),
        "size": network.card["file_size"],
        "work": network.card["operations"],
        "use": _(describe_commercial_use(network)),
    }


def _configure_columns() -> dict[str, object]:
    kinds = st.column_config
    configured = {}
    for name, (heading, width, number, about) in COLUMNS.items():
        words = {"label": _(heading), "width": width, "help": _(about) if about else None}
        configured[name] = (
            kinds.NumberColumn(format=number, **words) if number else kinds.TextColumn(**words)
        )
    return configured
