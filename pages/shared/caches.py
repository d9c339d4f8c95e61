"""What sessions share: the engine, data sets, logs; the only module with st.cache_*."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from transfer_core import dataset, images, networks
from transfer_core.dataset.samples import SAMPLES
from transfer_core.errors import DataSetError
from transfer_core.images import Transform, apply_transform
from transfer_core.system.files import hash_bytes
from transfer_core.system.home import home

if TYPE_CHECKING:
    from transfer_core.cases import Strategy
    from transfer_core.dataset.near_duplicates import NearDuplicateGroup
    from transfer_core.inspection.comparison import PairedComparison
    from transfer_core.inspection.out_of_distribution import OutOfDistributionDetector
    from transfer_core.inspection.prediction import TestPredictions, TrainedNetwork
    from transfer_core.inspection.trial import Prediction
    from transfer_core.networks.surgery import StageSummary
    from transfer_core.runs.engine.engine import Engine
    from transfer_core.runs.store.log import RunLog
    from transfer_core.system.parallel import Progress
    from transfer_core.timing.forecast import Forecast
    from transfer_core.transferability.estimate import SimilarityEstimate

THUMBNAIL_PIXELS = 96  # pixels of an image beside others
TILE_PIXELS = 144  # pixels of an image alone
EXAMPLES_PER_CLASS = 8  # images of a class
PREVIEWED_CLASSES = 5  # classes of a sample
SINGLE_IMAGE_PIXELS = 240  # pixels of the longer side of an image by itself


@st.cache_resource(show_spinner="Starting the engine")
def engine() -> Engine:
    """The one engine of this server; training leaves a processor core to the pages."""
    import torch

    from transfer_core.runs.launch import start_engine

    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    return start_engine(home())


@st.cache_resource(max_entries=32, show_spinner=False)
def load_data_set(data_id: str) -> dataset.DataSet:
    """A data set of the store."""
    return dataset.load(home(), data_id)


def list_data_set_names() -> dict[str, str]:
    """Names of all data sets of the store by their ids."""
    return {each.id: each.name for each in dataset.list_data_sets(home())}


@st.cache_resource(max_entries=64, show_spinner=False)
def run_log(run_id: str) -> RunLog:
    """The log of a run, one copy for everyone who watches it."""
    from transfer_core.runs.store.log import RunLog

    return RunLog(engine().store, run_id)


@st.cache_data(max_entries=512, show_spinner=False)
def compare_pair(first: str, second: str) -> PairedComparison:
    """Two runs that are over, compared image by image."""
    from transfer_core.inspection.comparison import compare_runs

    return compare_runs(home(), first, second)


@st.cache_resource(max_entries=256, show_spinner=False)
def describe_layers(
    network: str, strategy: Strategy, classes: int, input_size: int | None = None
) -> tuple[StageSummary, ...]:
    """The operated network's layers, at its own input size unless another is given."""
    from transfer_core.networks.surgery import summarise_network

    return summarise_network(
        networks.get_network(network).with_input_size(input_size), strategy, classes
    )


@st.cache_resource(max_entries=256, show_spinner=False)
def input_sizes(network: str) -> tuple[int, ...]:
    """The input sizes that a network can take, largest first."""
    from transfer_core.networks.input_sizes import list_input_sizes as found

    return found(networks.get_network(network))


@st.cache_data(max_entries=256, show_spinner=False)
def render_contact_sheet(data_id: str, label: int) -> bytes:
    """The first images of a class side by side, re-encoded: no person's own file is served."""
    data = load_data_set(data_id)
    members = [i for i, record in enumerate(data.records) if record.label == label][
        :EXAMPLES_PER_CLASS
    ]
    size = Transform(THUMBNAIL_PIXELS)
    pixels = [apply_transform(dataset.load_image(home(), data, index), size) for index in members]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(pixels, axis=1)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


@st.cache_data(max_entries=4096, show_spinner=False)
def render_tile(data_id: str, index: int) -> bytes:
    """One image of a data set, small and square, re-encoded."""
    pixels = apply_transform(
        dataset.load_image(home(), load_data_set(data_id), index), Transform(TILE_PIXELS)
    )
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@st.cache_resource(max_entries=32, show_spinner=False)
def load_test_predictions(run_id: str) -> TestPredictions:
    """What a run's network said of its test images."""
    from transfer_core.inspection.prediction import load_test_predictions

    return load_test_predictions(home(), run_id)


@st.cache_resource(max_entries=4, show_spinner="Loading the trained network")
def load_trained_network(run_id: str) -> TrainedNetwork:
    """The network of a run, shared: never to be changed."""
    from transfer_core.inspection.prediction import load_trained_network

    return load_trained_network(home(), run_id)


@st.cache_resource(max_entries=16, show_spinner=False)
def get_run_cache(run_id: str) -> dict[str, Any]:
    """A shelf for what pages work out of a run when asked, such as its embedding map."""
    return {}


@st.cache_data(show_spinner=False)
def render_sample_preview(name: str) -> bytes:
    """One image each of a sample's first classes, side by side."""
    pixels = [
        np.asarray(image.convert("RGB"))
        for image in SAMPLES[name].generate_examples()[:PREVIEWED_CLASSES]
    ]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(pixels, axis=1)).save(buffer, "PNG")
    return buffer.getvalue()


def estimate_similarity(data_id: str, network: str, progress: Progress) -> SimilarityEstimate:
    """The similarity estimate; the core keeps it on disk, and progress cannot be cached."""
    from transfer_core.transferability.estimate import estimate_similarity as compute

    return compute(load_data_set(data_id), networks.get_network(network), home(), progress=progress)


def forecast(
    data_id: str, source: networks.SourceNetwork, strategy: Strategy, progress: Progress
) -> Forecast:
    """How long a run takes; what was measured the core keeps on disk."""
    from transfer_core.timing.forecast import forecast_run as compute

    engine()  # leaves a core to the pages, in the forecast as in the run
    return compute(load_data_set(data_id), source, strategy, home(), progress=progress)


@st.cache_resource(show_spinner="Measuring how fast this computer is")
def measure_speed() -> float:
    """Billion multiplications a second of this computer, measured once."""
    from transfer_core.networks.recommendation import measure_operations_per_second

    return measure_operations_per_second()


@st.cache_data(show_spinner=False)
def load_first_filters() -> list:
    """The demonstration network's first-layer filters as images, uint8 (K, H, W, 3)."""
    from transfer_core.networks.weights_file import load_pretrained

    weights = (
        load_pretrained(networks.get_network("demonstration")).conv1.conv.weight.detach().numpy()
    )
    weights = weights.transpose(0, 2, 3, 1)
    low = weights.min(axis=(1, 2, 3), keepdims=True)
    high = weights.max(axis=(1, 2, 3), keepdims=True)
    return list(((weights - low) / (high - low + 1e-9) * 255).astype("uint8"))


def has_file(data_id: str, file: bytes) -> bool:
    """Whether a data set has this very file, also set aside."""
    digest = hash_bytes(file)
    known = (*load_data_set(data_id).records, *load_set_aside(data_id).records)
    return any(record.digest == digest for record in known)


@st.cache_data(max_entries=256, show_spinner=False)
def describe_repairs(data_id: str) -> tuple[str, ...]:
    """What changes by hand mean for the test of a run on this data set; none if it is gone."""
    try:
        return dataset.describe_test_edits(home(), load_data_set(data_id))
    except DataSetError:
        return ()


@st.cache_resource(max_entries=32, show_spinner=False)
def load_set_aside(data_id: str) -> dataset.DataSet:
    """A data set with the images that may be restored in place of its own."""
    data = load_data_set(data_id)
    return replace(data, records=dataset.load_set_aside(home(), data))


@st.cache_data(max_entries=2000, show_spinner=False)
def render_thumbnail(data_id: str, index: int, from_set_aside: bool = False) -> bytes:
    """An image of a data set, or of those set aside, re-encoded."""
    data = load_set_aside(data_id) if from_set_aside else load_data_set(data_id)
    return shrink_image(dataset.read_image_bytes(home(), data, index))


@st.cache_data(max_entries=200, show_spinner=False)
def shrink_image(file: bytes) -> bytes:
    """An image file of a person's, re-encoded and small."""
    image = images.decode_image(file, SINGLE_IMAGE_PIXELS)
    image.thumbnail((SINGLE_IMAGE_PIXELS, SINGLE_IMAGE_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def find_near_duplicates(data_id: str, progress: Progress) -> tuple[NearDuplicateGroup, ...]:
    """The core keeps the hashes on disk, and progress cannot be cached."""
    from transfer_core.dataset.near_duplicates import find_near_duplicates as compute

    return compute(home(), load_data_set(data_id), progress)


def load_known_images(run_id: str, progress: Progress) -> OutOfDistributionDetector:
    """What a run's network knows; the core keeps it beside the run."""
    from transfer_core.inspection.out_of_distribution import load_or_fit_detector as compute

    return compute(home(), load_trained_network(run_id), progress)


@st.cache_data(max_entries=256, show_spinner=False)
def predict_image(run_id: str, file: bytes, detect_unknown: bool) -> tuple[Prediction, float]:
    """What a run's network says of an image file, and in how many seconds.

    Args:
        run_id: The run.
        file: Of the image.
        detect_unknown: Whether it can be said what the network knows.
    """
    from transfer_core.inspection.trial import classify, measure_latency

    known = load_known_images(run_id, lambda what, done, total: None) if detect_unknown else None
    return classify(load_trained_network(run_id), known, file), measure_latency(
        load_trained_network(run_id), file
    )


@st.cache_data(max_entries=256, show_spinner=False)
def get_added_path(file: bytes) -> str:
    """What an image file is named where it is added to a data set."""
    return dataset.make_addition(file, "").path


@st.cache_data(max_entries=32, ttl=600, show_spinner="Getting the image")
def download_image(url: str) -> bytes:
    """The file at an address; asked for once in a while."""
    from transfer_core.images.remote import fetch_image

    return fetch_image(url)
