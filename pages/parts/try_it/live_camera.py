"""What the trained network says of the camera's picture, several times a second."""

import base64
import binascii
import time
from pathlib import Path

import streamlit as st

from pages.shared import caches
from pages.shared.camera import make_camera_component, translate_camera_words
from transfer_core.errors import ImageError
from transfer_core.languages import _, get_language

COMPONENT_KEY = "try_live"
FRAME_KEY = "try_live_frame"  # the newest picture, until it is answered
ANSWER_KEY = "try_live_answer"  # to the newest picture
PHOTOS_KEY = "try_photos"
TAKEN_KEY = "try_photo_taken"  # the number of the newest photo, which the browser gave it
NEW_PHOTO_KEY = "try_photo_is_new"
MAX_PICTURE_CHARACTERS = 3_000_000  # of a picture as text
MAX_PHOTOS = 40  # that a session keeps, the newest
MAX_FIXED_BARS = 8  # classes that all have a bar, always in the same order
MAX_BARS = 5  # of more classes, the likeliest first
CROP_MARGIN_PIXELS = 32  # by which a picture is larger than the network's input
_COMPONENT = make_camera_component("transfer_lab_live_camera", Path(__file__).with_suffix(".js"))


@st.fragment
def show_live_camera(run_id: str) -> None:
    """Draw the camera's picture and the share of each class, without redrawing the page."""
    transform = caches.load_trained_network(run_id).transform
    if (frame := st.session_state.pop(FRAME_KEY, None)) is not None:
        st.session_state[ANSWER_KEY] = _answer(run_id, frame)
    _COMPONENT(
        key=COMPONENT_KEY,
        data={
            "side": transform.size + CROP_MARGIN_PIXELS,
            # Told with every redraw: of two that follow each other the browser may see one.
            "answer": st.session_state.get(ANSWER_KEY),
            "taken": st.session_state.get(TAKEN_KEY),
            "words": _translate_words(),
            "cameraWords": translate_camera_words(),
        },
        on_frame_change=_take_frame,
        on_photo_change=_take_photo,
    )
    if st.session_state.pop(NEW_PHOTO_KEY, False):
        st.rerun()  # the page below shows the photo


def list_photos() -> list[tuple[str, bytes]]:
    """Names and files of the photos that were taken in this session, the newest first."""
    photos = st.session_state.get(PHOTOS_KEY, [])
    return [
        (_("photo {number}", number=number), file) for number, file in enumerate(photos, start=1)
    ][::-1]


def forget_photos() -> None:
    """Remove the photos of this session."""
    st.session_state.pop(PHOTOS_KEY, None)


def choose_bars(probabilities: dict[str, float]) -> list[tuple[str, float]]:
    """The classes to draw: all of a few in constant order, else the likeliest first."""
    if len(probabilities) <= MAX_FIXED_BARS:
        return list(probabilities.items())
    return sorted(probabilities.items(), key=lambda item: -item[1])[:MAX_BARS]


def _translate_words() -> dict[str, str]:
    """The words of the script, by the names that it has for them."""
    return {
        "take": _("Take this picture"),
        "speed": _("{rate} pictures a second, {time} ms for the network"),
        "language": get_language(),
    }


def _take_frame() -> None:
    st.session_state[FRAME_KEY] = st.session_state[COMPONENT_KEY].get("frame")


def _take_photo() -> None:
    message = st.session_state[COMPONENT_KEY].get("photo")
    if not isinstance(message, dict) or message.get("seq") == st.session_state.get(TAKEN_KEY):
        return  # the same photo, sent again before the browser knew that it is here
    st.session_state[TAKEN_KEY] = message.get("seq")
    if file := _decode(message.get("picture")):
        photos = st.session_state.get(PHOTOS_KEY, [])
        st.session_state[PHOTOS_KEY] = [*photos, file][-MAX_PHOTOS:]
        st.session_state[NEW_PHOTO_KEY] = True


def _answer(run_id: str, message: object) -> dict | None:
    """The answer to a picture that the browser sent; None without a usable one."""
    if not isinstance(message, dict) or not (file := _decode(message.get("picture"))):
        return None
    began = time.perf_counter()
    try:
        probabilities = caches.classify_frame(run_id, file)
    except ImageError:
        return None
    return {
        "seq": message.get("seq"),
        "shares": choose_bars(probabilities),
        "milliseconds": 1000 * (time.perf_counter() - began),
    }


def _decode(text: object) -> bytes | None:
    if not isinstance(text, str) or len(text) > MAX_PICTURE_CHARACTERS:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
