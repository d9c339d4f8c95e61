"""The versions of a data set, and the images that they set aside."""

from datetime import datetime

import streamlit as st

from pages.parts.repair.image_cards import (
    ITEMS_PER_PAGE,
    make_grid,
    paginate,
    show_set_aside_card,
)
from pages.shared import caches
from pages.shared.layout import escape_markdown
from transfer_core.dataset import DataSet, Version


def show_set_aside(data: DataSet) -> None:
    """Draw the images that earlier versions set aside."""
    records = caches.load_set_aside(data.id).records
    if not records:
        st.info("No image was set aside.", icon=":material/info:")
        return
    shown = paginate(list(range(len(records))), "aside")
    for place, index in zip(make_grid(len(shown)), shown, strict=True):
        with place:
            show_set_aside_card(data, index)


def show_history(data: DataSet, versions: tuple[Version, ...]) -> None:
    """Draw every version up to this one, the newest first, with a link to the one before."""
    st.subheader("History", anchor=False)
    for version in reversed(versions):
        _show_version(version)
    if not versions:
        archive = escape_markdown(data.import_summary.archive)
        st.caption(f"{escape_markdown(data.name)} is as it was read from {archive}.")


def _show_version(version: Version) -> None:
    name = escape_markdown(caches.load_data_set(version.id).name)
    when = datetime.fromtimestamp(version.made).strftime("%d %b %Y %H:%M")
    lines = [f"- {escape_markdown(each.describe())}" for each in version.changes[:ITEMS_PER_PAGE]]
    if len(version.changes) > ITEMS_PER_PAGE:
        lines.append(f"- and {len(version.changes) - ITEMS_PER_PAGE:,} more")
    st.markdown(f"**{name}**, {when}\n" + "\n".join(lines))
    before = caches.load_data_set(version.parent).name
    st.page_link(
        "pages/repair.py",
        label=f"Open the version before: {escape_markdown(before)}",
        icon=":material/history:",
        query_params={"data": version.parent},
    )
