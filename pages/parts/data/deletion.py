"""Delete a data set of the workspace's own, after a question."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors
from transfer_core.languages import _, ngettext


def offer_deletion(data_id: str | None, name: str, *, key: str = "data_delete") -> None:
    """Draw the button behind which the data set is deleted for good.

    Args:
        data_id: Of the data set in the store; None if none is chosen yet.
        name: For people.
        key: Of the button.
    """
    if data_id is None:
        reason = _("Choose an earlier data set first.")
        st.popover(_("Delete"), icon=":material/delete:", disabled=True, help=reason)
        return
    with st.popover(_("Delete"), icon=":material/delete:"):
        st.write(_("Deletes “{name}” and its links, for good.", name=escape_markdown(name)))
        runs = len(session.get_belongings().list_runs_on(data_id))
        if runs:
            st.write(
                ngettext(
                    "Also the run that learned from it.",
                    "Also the {n} runs that learned from it.",
                    runs,
                )
            )
        is_asked = st.button(_("Delete the images"), type="primary", key=key)
    if is_asked:
        from transfer_core.workspaces import delete_data_set  # brings the engine

        with show_errors(), st.spinner(_("Deleting")):
            delete_data_set(session.get_belongings(), caches.get_engine(), data_id)
        session.leave_data_set(data_id)
        st.toast(_("“{name}” is deleted.", name=escape_markdown(name)), icon=":material/delete:")
        st.rerun()
