"""Pictures to choose from, as buttons in a row or as tiles."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import streamlit as st
from PIL import Image

_SCRIPT = Path(__file__).with_suffix(".js")
_COMPONENT = st.components.v2.component(
    "transfer_lab_picture_buttons",
    html='<div class="picture-buttons"></div>',
    css=_SCRIPT.with_suffix(".css").read_text(encoding="utf-8"),
    js=_SCRIPT.read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True)
class PictureChoice:
    """One picture that can be chosen."""

    key: str
    picture: str  # a data URL, as `encode_picture` and `make_data_url` give
    title: str
    note: str = ""  # for people who hear the page
    sharp: bool = False  # whether its pixels stay square when it is enlarged


def show_picture_buttons(
    choices: Sequence[PictureChoice],
    label: str,
    chosen: str | None,
    *,
    key: str,
    choose: Callable[[str], None],
    layout: Literal["row", "tiles", "pictures"] = "tiles",
    side: int = 64,
    ends: Sequence[tuple[str, Sequence[tuple[str, float]]]] = (),
) -> None:
    """Draw pictures of which one is chosen.

    Args:
        choices: The pictures, in order; a row joins them by arrows.
        label: Name of the group, for people who hear the page.
        chosen: Key of the chosen one.
        key: Of the component.
        choose: Called with the key of the picture that was clicked, before the page is drawn.
        layout: A row or tiles with titles, or pictures alone.
        side: Of each picture, pixels on the page.
        ends: Drawn after the pictures as bars: a title, and shares in [0, 1] by name.
    """

    def take() -> None:
        clicked = st.session_state[key].get("chosen")
        if any(each.key == clicked for each in choices):
            choose(clicked)

    _COMPONENT(
        key=key,
        data={
            "choices": [asdict(each) for each in choices],
            "label": label,
            "chosen": chosen,
            "layout": layout,
            "side": side,
            "ends": [{"title": title, "shares": list(shares)} for title, shares in ends],
        },
        on_chosen_change=take,
    )


def encode_picture(pixels: np.ndarray) -> str:
    """Encode pixels, uint8 (H, W, 3), as a data URL."""
    return make_data_url(encode_png(pixels), "image/png")


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode pixels, uint8 (H, W, 3), as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def make_data_url(file: bytes, media_type: str) -> str:
    """Write the content of a file as a data URL."""
    return f"data:{media_type};base64,{base64.b64encode(file).decode()}"
