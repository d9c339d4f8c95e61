"""The versions of a data set, and the images that they set aside."""

from datetime import datetime

import streamlit as st

from pages.parts.repair.image_cards import (
    ITEMS_PER_PAGE,
    make_grid,
    paginate,
    show_set_aside_card,
)
from pages.shared import caches, session
from pages.shared.basket import PendingChange, put_in_basket
from pages.shared.guesses import get_guess
from pages.shared.layout import escape_markdown
from transfer_core.dataset import Change, DataSet, SpoiledVersion, Version
from transfer_core.languages import _


def show_set_aside(data: DataSet, flaw: SpoiledVersion | None) -> None:
    """Draw the images that earlier versions set aside.

    Args:
        data: The data set.
        flaw: The flaw in it, if any; what it took away stays hidden until a guess.
    """
    hidden = flaw.key.list_hidden_paths() if _is_sealed(flaw) else frozenset()
    records = caches.load_set_aside(data.id).records
    offered = [index for index, record in enumerate(records) if record.path not in hidden]
    if not offered:
        st.info(_("No image was set aside."), icon=":material/info:")
        return
    restore = [PendingChange(Change("restore", records[index].path)) for index in offered]
    st.button(
        _("Restore all {n:,}", n=len(offered)),
        icon=":material/undo:",
        key="repair_restore_all",
        on_click=put_in_basket,
        args=(data.id, *restore),
    )
    shown = paginate(offered, "aside")
    for place, index in zip(make_grid(len(shown)), shown, strict=True):
        with place:
            show_set_aside_card(data, index)


def show_history(data: DataSet, versions: tuple[Version, ...], flaw: SpoiledVersion | None) -> None:
    """Draw every version up to this one, the newest first, with a link to the one before."""
    st.subheader(_("History"), anchor=False)
    for version in reversed(versions):
        _show_version(version, sealed=_is_sealed(flaw) and version.id == flaw.id)
    if not versions:
        archive = escape_markdown(data.import_summary.archive)
        st.caption(
            _(
                "{name} is as it was read from {archive}.",
                name=escape_markdown(data.name),
                archive=archive,
            )
        )


def _is_sealed(flaw: SpoiledVersion | None) -> bool:
    """Whether there is a flaw that this session has not guessed at."""
    return flaw is not None and get_guess(flaw) is None


def _show_version(version: Version, *, sealed: bool) -> None:
    name = escape_markdown(caches.load_data_set(version.id).name)
    when = datetime.fromtimestamp(version.made).strftime("%d %b %Y %H:%M")
    lines = [f"- {escape_markdown(each.describe())}" for each in version.changes[:ITEMS_PER_PAGE]]
    if len(version.changes) > ITEMS_PER_PAGE:
        lines.append("- " + _("and {n:,} more", n=len(version.changes) - ITEMS_PER_PAGE))
    if sealed:
        lines = ["- " + _("Sealed: the Sabotage lab tells after your guess what was done here")]
    st.markdown(f"**{name}**, {when}\n" + "\n".join(lines))
    before = caches.load_data_set(version.parent).name
    st.page_link(
        "pages/repair.py",
        label=_("Open the version before: {name}", name=escape_markdown(before)),
        icon=":material/history:",
        query_params=session.make_query(data=version.parent),
    )
