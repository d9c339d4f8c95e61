"""What networks make of images, and what excites their channels, cached for all sessions."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import streamlit as st

from pages.shared.caches.data_sets import load_data_set
from pages.shared.caches.runs import get_engine, load_trained_network
from transfer_core import dataset, images, networks
from transfer_core.dataset import SAMPLES
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork
from transfer_core.system import TrainingTurn, get_home, ignore_progress, mark_training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from transfer_core.inspection import Excitement, ForwardPass
    from transfer_core.system import Progress
    from transfer_core.transferability import LayerTransferPoint


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A network whose layers are shown: as it was pre-trained, or a run's before or after."""

    network: str  # name of the source network
    run_id: str | None = None
    moment: Literal["before", "after"] = "after"  # of the run's training


def get_source_of(looked_at: LookedAt) -> SourceNetwork:
    """The source network, at the input size of the run if there is one."""
    if looked_at.run_id:
        return get_engine().get(looked_at.run_id).config.source()
    return networks.get_network(looked_at.network)


@st.cache_resource(max_entries=3, show_spinner=False)
def load_network(looked_at: LookedAt) -> nn.Sequential:
    """The network; all sessions share it, so nobody may change it."""
    from transfer_core.inspection import build_initial_network
    from transfer_core.networks import load_pretrained

    get_engine()  # leaves a core to the pages
    if looked_at.run_id is None:
        return load_pretrained(networks.get_network(looked_at.network))
    if looked_at.moment == "after":
        return load_trained_network(looked_at.run_id).network
    return build_initial_network(get_engine().get(looked_at.run_id))


@st.cache_data(max_entries=64, show_spinner=False)
def list_classes_at_the_end(looked_at: LookedAt) -> tuple[str, ...]:
    """The classes that the network names; none if it gives features only."""
    from transfer_core.inspection import list_last_classes

    if looked_at.run_id:
        return tuple(each.name for each in get_engine().get(looked_at.run_id).result.per_class)
    return list_last_classes(load_network(looked_at), get_source_of(looked_at))


@st.cache_data(show_spinner=False)
def render_sample_images(name: str) -> list[bytes]:
    """One image of each class of a built-in sample, as PNG files."""
    files = []
    for image in SAMPLES[name].generate_examples():
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "PNG")
        files.append(buffer.getvalue())
    return files


@st.cache_data(max_entries=64, show_spinner=False)
def prepare_image(looked_at: LookedAt, file: bytes) -> np.ndarray:
    """An image file as the network sees it, uint8 (H, W, 3)."""
    return images.prepare_image(file, get_source_of(looked_at).transform)


@st.cache_resource(max_entries=16, show_spinner=False)
def run_layers(looked_at: LookedAt, file: bytes) -> ForwardPass:
    """An image file on its way through a network."""
    from transfer_core.inspection import run_forward

    pixels = prepare_image(looked_at, file)
    return run_forward(load_network(looked_at), get_source_of(looked_at), pixels)


@st.cache_data(max_entries=16, show_spinner=False)
def list_first_filters(looked_at: LookedAt) -> tuple[np.ndarray, ...]:
    """The first layer's filters as images."""
    from transfer_core.inspection import extract_first_filters

    return extract_first_filters(load_network(looked_at))


@st.cache_data(max_entries=64, show_spinner=False)
def measure_fields(looked_at: LookedAt) -> dict[str, int]:
    """The side of each stage's receptive field in pixels."""
    from transfer_core.inspection import measure_receptive_fields

    return measure_receptive_fields(load_network(looked_at), get_source_of(looked_at))


@st.cache_data(max_entries=512, show_spinner=False)
def make_exciting_image(looked_at: LookedAt, stage: str, channel: int) -> np.ndarray:
    """An image made by optimisation for one channel."""
    from transfer_core.inspection import make_exciting_image as compute

    return compute(load_network(looked_at), get_source_of(looked_at), stage, channel)


@st.cache_resource(max_entries=16, show_spinner=False)
def _get_excitement(looked_at: LookedAt, data_id: str) -> dict[str, Excitement]:
    """What `find_exciting_images` found; empty before. Progress cannot be drawn in a cache."""
    return {}


def find_exciting_images(
    looked_at: LookedAt, data_id: str, progress: Progress = ignore_progress
) -> dict[str, Excitement]:
    """The images of a data set that excite each channel of each stage most."""
    from transfer_core.inspection import choose_images
    from transfer_core.inspection import find_exciting_images as compute

    known = _get_excitement(looked_at, data_id)
    if not known:
        data, source = load_data_set(data_id), get_source_of(looked_at)
        pixels = dataset.PixelArray(get_home(), data, source.transform)
        chosen = choose_images(np.arange(len(data.records)), source)
        network = load_network(looked_at)
        known.update(compute(network, source, pixels, chosen, progress=progress))
    return known


@st.cache_data(max_entries=256, show_spinner=False)
def crop_exciting_patches(
    looked_at: LookedAt, data_id: str, stage: str, channel: int
) -> list[np.ndarray]:
    """The parts of images that excite a channel most, each uint8 (S, S, 3), strongest first."""
    found = find_exciting_images(looked_at, data_id)[stage]
    source, field = get_source_of(looked_at), measure_fields(looked_at)[stage]
    pixels = dataset.PixelArray(get_home(), load_data_set(data_id), source.transform)
    boxes = list(found.locate(channel, field, source.input_size))
    read = pixels.read(np.array([image for image, __ in boxes]))
    return [
        image[box.top : box.top + box.side, box.left : box.left + box.side]
        for image, (__, box) in zip(read, boxes, strict=True)
    ]


def load_layer_transfer(data_id: str, network: str) -> tuple[LayerTransferPoint, ...]:
    """What was measured so far of how transferable a network's layers are, from the disk."""
    from transfer_core.transferability import load_points

    return load_points(get_home(), load_data_set(data_id), networks.get_network(network))


@st.cache_data(max_entries=32, show_spinner=False)
def time_layer_transfer(data_id: str, network: str) -> float:
    """The seconds of one training of the experiment on this computer."""
    from transfer_core.transferability import load_own_images, time_training

    get_engine()  # leaves a core to the pages
    data, source = load_data_set(data_id), networks.get_network(network)
    return time_training(source, load_own_images(get_home(), data, source))


def measure_layer_transfer(
    data_id: str, network: str, progress: Progress
) -> Iterator[tuple[LayerTransferPoint, ...]]:
    """Measure what is missing; yield all points after each new one, which is kept on disk.

    Args:
        data_id: The data set.
        network: Name of the network.
        progress: Called between batches, and while another training of this server has its turn;
            may raise to end the work.
    """
    from transfer_core.transferability import (
        list_trainings,
        load_own_images,
        save_points,
    )
    from transfer_core.transferability import measure_layer_transfer as compute

    get_engine()  # leaves a core to the pages
    home, data, source = get_home(), load_data_set(data_id), networks.get_network(network)
    points, total = load_layer_transfer(data_id, network), len(list_trainings(source))

    def report() -> bool:
        progress(_("Training every cut"), len(points), total)
        return False

    def report_waiting() -> bool:
        progress(_("Waiting for another training to end"), len(points), total)
        return False

    own = load_own_images(home, data, source)
    trainings = compute(source, own, known=points, stop_requested=report)
    while True:
        with TrainingTurn() as turn:
            turn.wait(report_waiting)
            with mark_training():
                point = next(trainings, None)
        if point is None:
            return
        points = (*points, point)
        save_points(home, data, source, points)
        yield points
