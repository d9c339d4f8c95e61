"""Bring in a trained network that someone took away as a bundle."""

import tempfile
from pathlib import Path

import streamlit as st

from pages.shared import session
from pages.shared.layout import show_errors
from transfer_core.languages import _
from transfer_core.system import TEMPORARY_PREFIX, get_home


def upload_bundle(page: str, *, expanded: bool) -> None:
    """Let a bundle be uploaded; it becomes a run, which the page then shows.

    Args:
        page: The page's path from the app's folder.
        expanded: Whether the box is open.
    """
    with st.expander(_("Bring a bundle in"), icon=":material/upload:", expanded=expanded):
        upload = st.file_uploader(
            _("A bundle from Transfer Lab, as it was downloaded"),
            type="zip",
            key=f"take_away_upload_{session.get_workspace().upload_count}",
            help=_("It becomes a finished run. Nothing in it can run a program here."),
        )
        if upload is None:
            return
        from transfer_core.export import import_bundle

        with (
            show_errors(),
            tempfile.NamedTemporaryFile(prefix=TEMPORARY_PREFIX, suffix=".zip") as file,
        ):
            file.write(upload.getbuffer())
            file.flush()
            record = import_bundle(get_home(), Path(file.name))
        session.change(upload_count=session.get_workspace().upload_count + 1, run_id=record.id)
        st.switch_page(page, query_params={"run": record.id})
