"""Choose the image that goes through the network: of the data set, a sample, a file, the camera."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.shared import caches, session
from pages.shared.picture_buttons import PictureChoice, make_data_url, show_picture_buttons
from transfer_core import dataset
from transfer_core.dataset import SAMPLES, DataSet
from transfer_core.images import IMAGE_EXTENSIONS
from transfer_core.languages import N_, _
from transfer_core.system import get_home

MAX_TILES = 6  # images to choose from
TILE_PIXELS = 44
MAX_UPLOAD_MEGABYTES = 50  # of one image file
IMAGE_KEY = "layers_image"  # number of the chosen image, in the address too
WAYS = {
    "data": N_("my images"),
    "sample": N_("a sample"),
    "file": N_("a file"),
    "camera": N_("the camera"),
}


def choose_image(data: DataSet | None) -> bytes | None:
    """Let an image be chosen; return its file, None while there is none."""
    ways = [way for way in WAYS if way != "data" or data]
    session.read_widget_from_url("layers_way", ways, ways[0])
    way = st.selectbox(
        _("Image from"), ways, format_func=lambda each: _(WAYS[each]), key="layers_way"
    )
    session.write_widget_to_url("layers_way")
    if way == "file":
        return _upload_image()
    if way == "camera":
        photo = st.camera_input(_("Photo"), key="layers_camera")
        return photo.getvalue() if photo else None
    if way == "sample":
        return _choose_sample_image()
    return _choose_data_set_image(data)


def _upload_image() -> bytes | None:
    file = st.file_uploader(
        _("Image file"),
        sorted(IMAGE_EXTENSIONS),
        key="layers_file",
        max_upload_size=MAX_UPLOAD_MEGABYTES,
        help=_("It stays on this server."),
    )
    return file.getvalue() if file else None


def _choose_sample_image() -> bytes:
    session.read_widget_from_url("layers_sample", SAMPLES, next(iter(SAMPLES)))
    name = st.selectbox(
        _("Sample"),
        list(SAMPLES),
        format_func=lambda each: _(SAMPLES[each].title),
        key="layers_sample",
    )
    session.write_widget_to_url("layers_sample")
    files = caches.render_sample_images(name)[:MAX_TILES]
    number = _show_tiles([make_data_url(file, "image/png") for file in files])
    return files[number]


def _choose_data_set_image(data: DataSet) -> bytes:
    numbers = list(range(len(data.classes)))
    session.read_widget_from_url("layers_class", numbers, 0)
    label = st.selectbox(
        _("Class"),
        numbers,
        format_func=lambda each: data.classes[each].replace("_", " "),
        key="layers_class",
    )
    session.write_widget_to_url("layers_class")
    members = list_images(data, label)
    tiles = [make_data_url(caches.render_tile(data.id, each), "image/jpeg") for each in members]
    index = members[_show_tiles(tiles)]
    return dataset.read_image_bytes(get_home(), data, index)


def list_images(data: DataSet, label: int) -> list[int]:
    """The first images of a class, those that no network learned from first."""
    members = np.flatnonzero(data.labels == label)
    learned = [data.records[index].split != "test" for index in members]
    return [int(index) for index in members[np.argsort(learned, kind="stable")][:MAX_TILES]]


def _show_tiles(pictures: list[str]) -> int:
    """Draw images to choose from; return the number of the chosen one."""
    session.read_widget_from_url(IMAGE_KEY, range(len(pictures)), 0)
    number = min(st.session_state[IMAGE_KEY], len(pictures) - 1)
    show_picture_buttons(
        [
            PictureChoice(str(n), each, _("Image {number}", number=n + 1))
            for n, each in enumerate(pictures)
        ],
        _("Images to choose from"),
        str(number),
        key="layers_tiles",
        choose=lambda clicked: session.set_widgets(**{IMAGE_KEY: int(clicked)}),
        layout="pictures",
        side=TILE_PIXELS,
    )
    session.write_widget_to_url(IMAGE_KEY)
    return number
