"""The worksheets as downloads: for each lesson a page for students and one for the teacher."""

import streamlit as st

from pages.parts.learn.library import load_worksheets
from pages.parts.learn.worksheet import Worksheet, render_key, render_worksheet
from pages.shared.layout import escape_markdown, show_errors
from transfer_core.languages import _


def show_worksheets() -> None:
    """Draw a card for each lesson."""
    st.markdown(_("45 minutes each. Each file opens in a browser: print it there."))
    with show_errors():
        sheets = load_worksheets()
    for sheet in sheets:
        st.markdown(f"**{escape_markdown(sheet.title)}**")
        with st.container(horizontal=True):
            show_download(_("Worksheet"), sheet, render_worksheet(sheet), "worksheet")
            show_download(_("Teacher's key"), sheet, render_key(sheet), "key")


def show_download(label: str, sheet: Worksheet, page: str, kind: str) -> None:
    """Draw the button that downloads a page."""
    st.download_button(
        label,
        page,
        file_name=f"{sheet.name}_{kind}.html",
        mime="text/html",
        icon=":material/download:",
        key=f"learn_{kind}_{sheet.name}",
        on_click="ignore",
    )
