"""The part of the components with a camera that they share."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from transfer_core.languages import _

_FOLDER = Path(__file__).parent


def make_camera_component(name: str, script: Path) -> ComponentRenderer:
    """Register a component that begins with the camera's script and styles.

    Args:
        name: Of the component, unique in the app.
        script: Its JavaScript; its styles lie beside it.
    """
    return st.components.v2.component(
        name,
        html='<div class="camera-root"></div>',
        css=_read(_FOLDER / "camera.css") + _read(script.with_suffix(".css")),
        js=_read(_FOLDER / "camera.js") + _read(script),
    )


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def translate_camera_words() -> dict[str, str]:
    """What the camera's script says, by the names that it has for it; failures by the browser's."""
    return {
        "sees": _("What the camera sees"),
        "on": _("Turn the camera on"),
        "off": _("Turn off"),
        "other": _("Other camera"),
        "asking": _("Waiting for your permission …"),
        "none": _(
            "This browser has no camera to give. Use a current Firefox, Chrome, Edge or Safari."
        ),
        "insecure": _(
            "Browsers give no camera to a page at {address}. Open it at an address that begins "
            "with https://, or on the server's own computer at {here}."
        ),
        "failed": _(
            "The camera does not start ({error}). Unplug it or close other programs, then try "
            "again."
        ),
        "NotAllowedError": _(
            "The browser was told not to use the camera. Click the camera or lock symbol beside "
            "the address, allow the camera, then turn it on again."
        ),
        "NotFoundError": _(
            "No camera was found. Plug one in, or open this page on a phone or a laptop with a "
            "camera."
        ),
        "NotReadableError": _(
            "Another program is using the camera. Close it, then turn the camera on again."
        ),
    }
