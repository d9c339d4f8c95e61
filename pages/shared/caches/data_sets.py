"""Data sets and their images, cached for all sessions."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from transfer_core import dataset, images
from transfer_core.dataset import SAMPLES
from transfer_core.errors import DataSetError
from transfer_core.images import Transform, apply_transform
from transfer_core.system import get_home, hash_bytes

if TYPE_CHECKING:
    from transfer_core.dataset import NearDuplicateGroup
    from transfer_core.system import Progress

THUMBNAIL_PIXELS = 96  # side of an image beside others
TILE_PIXELS = 144  # side of an image alone
EXAMPLES_PER_CLASS = 8  # images of a class
PREVIEWED_CLASSES = 8  # classes of a sample
SINGLE_IMAGE_PIXELS = 240  # longer side of an image by itself


@st.cache_resource(max_entries=32, show_spinner=False)
def load_data_set(data_id: str) -> dataset.DataSet:
    """A data set of the store."""
    return dataset.load(get_home(), data_id)


@st.cache_resource(max_entries=32, show_spinner=False)
def load_set_aside(data_id: str) -> dataset.DataSet:
    """A data set whose records are the images that were set aside."""
    data = load_data_set(data_id)
    return replace(data, records=dataset.load_set_aside(get_home(), data))


@st.cache_data(max_entries=256, show_spinner=False)
def describe_repairs(data_id: str) -> tuple[str, ...]:
    """Warnings about test images that flatter the accuracy; none if the data set is gone."""
    try:
        data = load_data_set(data_id)
        edits = dataset.describe_test_edits(get_home(), data)
        return (*edits, *dataset.describe_shared_recordings(data))
    except DataSetError:
        return ()


def find_near_duplicates(data_id: str, progress: Progress) -> tuple[NearDuplicateGroup, ...]:
    """Groups of images that look the same; their hashes are cached on disk."""
    from transfer_core.dataset import find_near_duplicates as compute

    return compute(get_home(), load_data_set(data_id), progress)


def has_file(data_id: str, file: bytes) -> bool:
    """Whether a data set holds this file, or what is kept of it, in use or set aside."""
    digests = {hash_bytes(file), hash_bytes(images.clean_image(file).data)}
    data = load_data_set(data_id)
    if data.shards:
        return data.records.has_any(digests)
    known = (*data.records, *load_set_aside(data_id).records)
    return any(record.digest in digests for record in known)


@st.cache_data(max_entries=256, show_spinner=False)
def get_added_path(file: bytes) -> str:
    """The path that an image file gets in a data set that it is added to."""
    return dataset.make_addition(file, "").path


@st.cache_data(max_entries=256, show_spinner=False)
def render_contact_sheet(data_id: str, label: int, split: dataset.Split | None = None) -> bytes:
    """The first images of a class side by side, encoded again: no uploaded file is served.

    Args:
        data_id: The data set.
        label: Index of the class.
        split: The part of the split to take them from; None takes all.
    """
    data = load_data_set(data_id)
    part = data.indices(split) if split else np.arange(len(data.records))
    members = part[data.labels[part] == label][:EXAMPLES_PER_CLASS]
    size = Transform(THUMBNAIL_PIXELS)
    pixels = [
        apply_transform(dataset.load_image(get_home(), data, index), size)
        for index in members.tolist()
    ]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(pixels, axis=1)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


@st.cache_data(max_entries=4096, show_spinner=False)
def render_tile(data_id: str, index: int) -> bytes:
    """One image of a data set, small and square, encoded again."""
    pixels = apply_transform(
        dataset.load_image(get_home(), load_data_set(data_id), index), Transform(TILE_PIXELS)
    )
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@st.cache_data(max_entries=2000, show_spinner=False)
def render_thumbnail(data_id: str, index: int, from_set_aside: bool = False) -> bytes:
    """An image of a data set, in use or set aside, small and encoded again."""
    data = load_set_aside(data_id) if from_set_aside else load_data_set(data_id)
    return shrink_image(dataset.read_image_bytes(get_home(), data, index))


@st.cache_data(show_spinner=False)
def render_sample_preview(name: str) -> bytes:
    """One image each of a sample's first classes, in two rows."""
    images = SAMPLES[name].generate_examples()[:PREVIEWED_CLASSES]
    pixels = np.stack([np.asarray(image.convert("RGB")) for image in images])
    rows = [np.concatenate(row, axis=1) for row in np.split(pixels, 2)]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(rows)).save(buffer, "PNG")
    return buffer.getvalue()


@st.cache_data(show_spinner=False)
def render_sample_picture(name: str) -> bytes:
    """The first image of a sample, as a PNG file."""
    buffer = io.BytesIO()
    SAMPLES[name].generate_examples()[0].convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


@st.cache_data(max_entries=200, show_spinner=False)
def shrink_image(file: bytes) -> bytes:
    """Decode an uploaded image file, shrink it, and encode it again."""
    return images.shrink_image(file, SINGLE_IMAGE_PIXELS)


@st.cache_data(max_entries=32, ttl=600, show_spinner="Getting the image")
def download_image(url: str) -> bytes:
    """The file at an address, cached for ten minutes."""
    from transfer_core.images import fetch_image

    return fetch_image(url)
