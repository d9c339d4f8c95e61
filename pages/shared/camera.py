"""The part of the components with a camera that they share."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

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
