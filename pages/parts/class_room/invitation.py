"""The way into a class, for a wall: the code to type, a QR code, and the address."""

from urllib.parse import urlsplit, urlunsplit

import segno
import streamlit as st

from pages.server import list_urls
from pages.shared.layout import build_page_url
from transfer_core.languages import _
from transfer_core.system import LOCAL_HOSTS
from transfer_core.workspaces import Class

CODE_SIZE = "3.5rem; letter-spacing: 0.1em"  # to be read from the last row
QR_PIXELS = 340


def show_qr_code(class_: Class) -> None:
    """Draw the QR code of the address that leads into an open class, and who cannot open it."""
    url = _build_url(class_.code)
    drawn = segno.make(url, error="m")
    image = drawn.svg_inline(scale=7, border=3, light="white")
    st.image(image, alt=_("QR code of the address with the class's code"), width=QR_PIXELS)
    if urlsplit(url).hostname in LOCAL_HOSTS:
        st.warning(
            _(
                "This address opens on this computer only. Start the server with "
                "`transfer-lab --share`, and open the address that it prints."
            ),
            icon=":material/wifi_off:",
        )


def show_invitation(class_: Class) -> None:
    """Draw the code and the address that lead into an open class, in one line."""
    url = _build_url(class_.code)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<strong style="font-size: {CODE_SIZE}">{class_.code}</strong>', width="content")
        st.code(url, language=None, wrap_lines=True)


def _build_url(code: str) -> str:
    """The address of this page with the code; on a shared server one that others can open."""
    url = build_page_url(**{"class": code})
    parts, shared = urlsplit(url), urlsplit(list_urls()[0])
    if parts.hostname in LOCAL_HOSTS:
        return urlunsplit(parts._replace(scheme=shared.scheme, netloc=shared.netloc))
    return url
