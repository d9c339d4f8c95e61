"""The card by which a student joins a class: a code, a nickname, one button."""

import streamlit as st

from pages.shared import session
from pages.shared.layout import show_errors
from transfer_core.languages import _
from transfer_core.workspaces import MAX_NAME_LENGTH, open_classes


def show_join_card() -> None:
    """Draw the card; the address may bring the code, as that of the QR code does."""
    with st.form("class_join"):
        st.subheader(_("Join your class"), anchor=False)
        left, middle, right = st.columns([1, 2, 1], vertical_alignment="bottom")
        code = left.text_input(
            _("Code"), session.get_requested("class") or "", max_chars=12, key="class_code"
        )
        nickname = middle.text_input(
            _("Nickname, not your name"), max_chars=MAX_NAME_LENGTH, key="class_nickname"
        )
        asked = right.form_submit_button(
            _("Join"), type="primary", icon=":material/login:", width="stretch"
        )
        st.caption(_("The code stands on your teacher's board."))
    if asked:
        belongings = session.get_belongings()
        with show_errors():
            open_classes(belongings.home).join(
                belongings.workspace, code, nickname, st.context.ip_address
            )
        session.write_to_url("class", None)
        st.rerun()
