"""Predictions of a trained network: stored ones on the test images, new ones on any image."""

import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from transfer_core import dataset, images
from transfer_core.errors import DataSetError, ImageError
from transfer_core.features import normalise
from transfer_core.inspection.out_of_distribution import (
    OutOfDistributionDetector,
    load_or_fit_detector,
)
from transfer_core.inspection.trained_network import (
    TrainedNetwork,
    load_trained_network,
    open_run,
    require_file,
    translate_damage,
)
from transfer_core.languages import N_, _
from transfer_core.networks import HEAD, compute_head_inputs
from transfer_core.system import Progress, ignore_progress
from transfer_core.training import predict_logits

MAX_FILE_BYTES = dataset.Limits().entry_bytes  # of an image file
LATENCY_REPEATS = 5  # classifications of one image that its latency is the median of


@dataclass(frozen=True)
class TestPredictions:
    """The predictions of a run's network on the test images, made once after training."""

    images: np.ndarray  # indices into the data set's records, int64 (N,)
    labels: np.ndarray  # true classes, int64 (N,)
    probabilities: np.ndarray  # float32 (N, C)

    @property
    def predicted(self) -> np.ndarray:
        """The most likely class of each image, int64 (N,)."""
        return self.probabilities.argmax(1)


def load_test_predictions(home: Path, run_id: str) -> TestPredictions:
    """Load the predictions of a finished run's network on the test images.

    Raises:
        RunError: If no run has this id, or it has no result.
        DataSetError: If the data set of the run was removed.
    """
    record, directory = open_run(home, run_id)
    file = require_file(directory.test_logits_file, record, N_("answers for its test images"))
    data_set = dataset.load(home, record.config.data_id)
    indices = data_set.indices("test")
    with translate_damage(file):
        logits = torch.from_numpy(np.load(file))
        if logits.shape != (len(indices), len(data_set.classes)):
            raise ValueError(f"logits of shape {tuple(logits.shape)}")
    probabilities = torch.softmax(logits, dim=1).numpy()
    return TestPredictions(indices, data_set.labels[indices], probabilities)


def predict_proba(trained: TrainedNetwork, pixels: np.ndarray) -> np.ndarray:
    """Return class probabilities, float32 (N, C), of images, uint8 (N, H, W, 3)."""
    return torch.softmax(predict_logits(trained.network, pixels, trained.source), dim=1).numpy()


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one new image."""

    probabilities: dict[str, float]  # by class name, in the order of the classes
    distance: float | None  # see `OutOfDistributionDetector.compute_distances`; None if unknown
    is_out_of_distribution: bool | None  # whether it is unlike all training images


@torch.inference_mode()
def classify(
    trained: TrainedNetwork, detector: OutOfDistributionDetector | None, data: bytes
) -> Prediction:
    """Classify an image file.

    Args:
        trained: From `load_trained_network`.
        detector: From `load_or_fit_detector`; None leaves distance and verdict None.
        data: Content of the file.

    Raises:
        ImageError: If it cannot be used as an image.
    """
    pixels = images.prepare_image(data, trained.transform)[None]
    features = compute_head_inputs(trained.network, normalise(pixels, trained.source))
    logits = trained.network.get_submodule(HEAD).linear(features)
    (shares,) = torch.softmax(logits, dim=1).tolist()
    probabilities = dict(zip(trained.classes, shares, strict=True))
    if detector is None:
        return Prediction(probabilities, None, None)
    distance = float(detector.compute_distances(features.numpy())[0])
    return Prediction(probabilities, distance, detector.is_out_of_distribution(distance))


def measure_latency(trained: TrainedNetwork, data: bytes) -> float:
    """Return the median seconds from an image file to its probabilities on this machine."""
    seconds = []
    for __ in range(LATENCY_REPEATS):
        began = time.perf_counter()
        classify(trained, None, data)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def classify_files(
    home: Path,
    run_id: str,
    paths: Iterable[Path],
    progress: Progress = ignore_progress,
) -> Iterator[tuple[Path, Prediction]]:
    """Classify image files with the network of a run, one after another.

    If the run's data set was removed, nothing is said about unknown images.

    Args:
        home: The data folder.
        run_id: A run with a result.
        paths: The image files.
        progress: Called with what is done, done and total; may raise to end the work.

    Yields:
        Each path with its prediction.

    Raises:
        RunError: If the run has no trained network.
        ImageError: If a file cannot be read as an image; it names the file.
    """
    trained = load_trained_network(home, run_id)
    try:
        detector = load_or_fit_detector(home, trained, progress)
    except DataSetError:
        detector = None
    for path in paths:
        try:
            prediction = classify(trained, detector, _read_file(path))
        except ImageError as error:
            raise ImageError(
                error.problem, found=f"{path}: {error.found}", remedy=error.remedy
            ) from error
        yield path, prediction


def _read_file(path: Path) -> bytes:
    """Read an image file; a device, which never ends, is none."""
    try:
        size = path.stat().st_size
        if path.is_file() and size <= MAX_FILE_BYTES:
            return path.read_bytes()
        found = f"{size:,} bytes" if path.is_file() else _("a folder or a device")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        found = getattr(error, "strerror", None) or str(error)
    raise ImageError(
        _("The file cannot be read."),
        found=found,
        remedy=_("Give the name of an image file of at most {size} MB.", size=MAX_FILE_BYTES >> 20),
    )
