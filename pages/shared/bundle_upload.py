"""Bring in a trained network that someone took away as a bundle."""

import streamlit as st

from pages.shared import session
from pages.shared.file_upload import forget_afterwards, receive_file
from pages.shared.layout import show_errors
from transfer_core.languages import _
from transfer_core.system import get_home

UPLOAD_KEY = "take_away_upload"


def upload_bundle(page: str, *, expanded: bool) -> None:
    """Let a bundle be uploaded; it becomes a run, which the page then shows.

    Args:
        page: The page's path from the app's folder.
        expanded: Whether the box is open.
    """
    with st.expander(_("Bring a bundle in"), icon=":material/upload:", expanded=expanded):
        label = _("A bundle from Transfer Lab, as it was downloaded")
        upload = receive_file(label, key=UPLOAD_KEY, ending=".zip")
        st.caption(_("It becomes a finished run. Nothing in it can run a program here."))
        if upload is None:
            return
        from transfer_core.export import import_bundle

        with show_errors(), forget_afterwards(UPLOAD_KEY):
            record = import_bundle(get_home(), upload.path, owner=session.get_owner())
        session.change(run_id=record.id)
        st.switch_page(page, query_params={"run": record.id})
