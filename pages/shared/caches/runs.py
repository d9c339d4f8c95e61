"""The engine, runs and trained networks, cached for all sessions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.shared.caches.data_sets import load_data_set
from transfer_core.errors import BusyError
from transfer_core.system import choose_device, get_home

if TYPE_CHECKING:
    from transfer_core.cases import Strategy
    from transfer_core.inspection import (
        OutOfDistributionDetector,
        PairedComparison,
        Prediction,
        TestPredictions,
        TrainedNetwork,
    )
    from transfer_core.networks import SourceNetwork
    from transfer_core.runs import Engine, EventLog, RunLog, RunRecord
    from transfer_core.system import Progress
    from transfer_core.timing import Forecast
    from transfer_core.workspaces import ClassBoard

SHARED_SECONDS = 0.25  # for which what one watcher of a run has read does for the others


@st.cache_resource(show_spinner=False)  # the server starts it, see app.py
def get_engine() -> Engine:
    """The one engine of this server; training leaves a processor core to the pages.

    Runs are performed in processes of their own, unless `TRANSFER_EXECUTOR` is "thread".
    """
    import torch

    from transfer_core.runs import EXECUTOR_VARIABLE, start_engine

    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    return start_engine(get_home(), executor=os.environ.get(EXECUTOR_VARIABLE, "process"))


def count_offered_devices() -> int:
    """How many GPUs a run may share its work among; parts of a processor are offered to nobody."""
    engine = get_engine()
    return 1 if engine.works_here and choose_device() == "cpu" else engine.max_devices


def close_engine() -> None:
    """Interrupt the runs of this server, with their checkpoints, if it has an engine."""
    from transfer_core.runs import close_engines

    close_engines()


@st.cache_resource(max_entries=64, show_spinner=False)
def get_run_log(run_id: str) -> RunLog:
    """The log of a run, one copy for everyone who watches it."""
    from transfer_core.runs import RunLog

    return RunLog(get_engine().store, run_id)


def read_events(record: RunRecord) -> EventLog:
    """What a run has reported; while it goes on, all who watch it share a read for a moment."""
    max_age = 0.0 if record.state.is_final else SHARED_SECONDS
    return get_run_log(record.id).events(max_age)


@st.cache_resource(max_entries=16, show_spinner=False)
def get_class_board(class_id: str) -> ClassBoard:
    """What is read of a class again and again, one copy for everyone who looks at its board."""
    from transfer_core.workspaces import ClassBoard

    return ClassBoard(get_home())


@st.cache_resource(max_entries=32, show_spinner=False)
def load_test_predictions(run_id: str) -> TestPredictions:
    """Predictions of a run's network on its test images."""
    from transfer_core.inspection import load_test_predictions

    return load_test_predictions(get_home(), run_id)


@st.cache_resource(max_entries=4, show_spinner="Loading the trained network")
def load_trained_network(run_id: str) -> TrainedNetwork:
    """The network of a run; all sessions share it, so nobody may change it."""
    from transfer_core.inspection import load_trained_network

    return load_trained_network(get_home(), run_id)


@st.cache_resource(max_entries=16, show_spinner=False)
def get_run_cache(run_id: str) -> dict[str, Any]:
    """A dictionary for results that pages compute on request, such as the embedding map."""
    return {}


@st.cache_data(max_entries=512, show_spinner=False)
def compare_pair(first: str, second: str) -> PairedComparison:
    """Compare two finished runs image by image."""
    from transfer_core.inspection import compare_runs

    return compare_runs(get_home(), first, second)


def load_known_images(run_id: str, progress: Progress) -> OutOfDistributionDetector:
    """The detector of images unlike the training images; it is stored beside the run."""
    from transfer_core.inspection import load_or_fit_detector as compute

    return compute(get_home(), load_trained_network(run_id), progress)


@st.cache_data(max_entries=256, show_spinner=False)
def predict_image(run_id: str, file: bytes, detect_unknown: bool) -> tuple[Prediction, float]:
    """Classify an image file; returns the prediction and the seconds that it took.

    Args:
        run_id: A finished run.
        file: Content of the image file.
        detect_unknown: Whether to measure the distance to the training images too.
    """
    from transfer_core.inspection import classify, measure_latency

    known = load_known_images(run_id, lambda what, done, total: None) if detect_unknown else None
    return classify(load_trained_network(run_id), known, file), measure_latency(
        load_trained_network(run_id), file
    )


def classify_frame(run_id: str, file: bytes) -> dict[str, float]:
    """Probabilities by class of a picture that nobody will ask for again."""
    from transfer_core.inspection import classify

    return classify(load_trained_network(run_id), None, file).probabilities


def forecast_run(
    data_id: str, source: SourceNetwork, strategy: Strategy, progress: Progress
) -> Forecast:
    """Forecast the duration of a run; measured costs are cached on disk."""
    from transfer_core.timing import forecast_run as compute

    get_engine()  # leaves a core to the pages, in the forecast as in the run
    return compute(load_data_set(data_id), source, strategy, get_home(), progress=progress)


def recall_forecast(data_id: str, source: SourceNetwork, strategy: Strategy) -> Forecast | None:
    """The forecast from costs that were measured before; None if they never were."""
    from transfer_core.timing import forecast_run as compute

    get_engine()  # see `forecast_run`
    try:
        return compute(load_data_set(data_id), source, strategy, get_home(), may_measure=False)
    except BusyError:
        return None
