"""The changes that wait until a new version of the data set is made."""

import streamlit as st

from pages.shared import session
from pages.shared.basket import PendingChange, list_pending, take_from_basket
from pages.shared.layout import escape_markdown, show_errors
from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.languages import _, ngettext
from transfer_core.runs import RunRecord
from transfer_core.system import get_home


def show_basket(data: DataSet) -> bool:
    """Draw the changes that wait; returns whether to make a new version with them."""
    waiting = list_pending(data.id)
    if not waiting:
        st.info(
            _(
                "No change waits. What you choose below waits here, and can be taken back, until "
                "you make a new version of the data set."
            ),
            icon=":material/shopping_basket:",
        )
        return False
    with st.container(border=True):
        count = ngettext(
            "**One change waits** in this tab.", "**{n:,} changes wait** in this tab.", len(waiting)
        )
        st.markdown(f":material/shopping_basket: {count}")
        _list_changes(data, waiting)
        with st.container(horizontal=True):
            make = st.button(
                _("Make a new version"), type="primary", icon=":material/add:", key="repair_make"
            )
            st.button(
                _("Take all back"),
                icon=":material/undo:",
                key="repair_undo_all",
                on_click=take_from_basket,
                args=(data.id,),
            )
    return make


def _list_changes(data: DataSet, waiting: tuple[PendingChange, ...]) -> None:
    with st.expander(_("See them, take them back"), expanded=len(waiting) <= 3):
        for number, pending in enumerate(waiting):
            words, undo = st.columns([4, 1], vertical_alignment="center")
            words.markdown(escape_markdown(pending.change.describe()))
            undo.button(
                _("Take back"),
                key=f"repair_undo_{number}",
                icon=":material/undo:",
                on_click=take_from_basket,
                args=(data.id, pending.change.path),
            )


def make_new_version(data: DataSet, record: RunRecord | None) -> str:
    """Make a version with the changes that wait, choose it, and return its id."""
    waiting = list_pending(data.id)
    files = {each.change.path: each.file for each in waiting if each.file is not None}
    with show_errors():
        made = dataset.make_version(get_home(), data, [each.change for each in waiting], files)
        session.take_in(made.id)
    take_from_basket(data.id)
    session.show_new_version(made.id, record and record.id)
    return made.id
