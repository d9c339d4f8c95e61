"""The way into a class, for a wall: the code to type, a QR code, and the address."""

import segno
import streamlit as st

from pages.shared.sharing import build_link, warn_of_local_link
from transfer_core.languages import _
from transfer_core.workspaces import Class

CODE_STYLE = "font-size: 3.5rem; letter-spacing: 0.1em"  # to be read from the last row
QR_PIXELS = 340


def show_qr_code(class_: Class) -> None:
    """Draw the QR code of the address that leads into an open class, and who cannot open it."""
    url = build_link(**{"class": class_.code})
    drawn = segno.make(url, error="m")
    image = drawn.svg_inline(scale=7, border=3, light="white")
    st.image(image, alt=_("QR code of the address with the class's code"), width=QR_PIXELS)
    warn_of_local_link(url)


def show_invitation(class_: Class) -> None:
    """Draw the code and the address that lead into an open class, in one line."""
    url = build_link(**{"class": class_.code})
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<strong style="{CODE_STYLE}">{class_.code}</strong>', width="content")
        st.code(url, language=None, wrap_lines=True)
