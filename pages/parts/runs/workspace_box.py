"""What belongs to this browser: the link that opens it elsewhere, and the way to delete it all."""

from pathlib import Path

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import show_errors
from transfer_core.languages import _

CLEARED = "cleared"  # part of the address; workspace_box.js writes it

_RELOAD = st.components.v2.component(
    "transfer_lab_reload",
    html="<span></span>",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def show_workspace_box() -> None:
    """Draw the link to the workspace and the button that empties it, folded."""
    with st.expander(_("Your workspace"), icon=":material/badge:"):
        st.caption(
            _(
                "What you make is kept on the computer that runs this, until you delete it. Only "
                "this browser sees it, besides what you share; in a class the teacher sees your "
                "runs. This link opens all of it elsewhere; whoever has it can change and delete "
                "it."
            )
        )
        if st.toggle(_("Show the link"), key="workspace_link"):
            st.code(session.build_workspace_url(), language=None, wrap_lines=True)
        with st.popover(_("Clear my data"), icon=":material/delete_forever:"):
            st.write(_("Deletes all your runs and images, for good. In a class, too."))
            clear = st.button(_("Delete everything"), type="primary", key="workspace_clear")
    if clear:
        _clear()


def say_if_cleared() -> None:
    """Say so on the page that the browser loads afterwards."""
    if session.take_request(CLEARED):
        _say_cleared()


def _say_cleared() -> None:
    st.success(_("Everything is deleted."), icon=":material/check:")


def _clear() -> None:
    from transfer_core.workspaces import clear_workspace

    with show_errors(), st.spinner(_("Deleting")):
        clear_workspace(session.get_belongings(), caches.get_engine())
    st.session_state.clear()
    _say_cleared()
    _RELOAD(key="workspace_reload")  # the next page comes with the cookie of a new workspace
    st.stop()
