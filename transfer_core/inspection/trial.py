"""Try a trained network on new images: what it takes them for, and whether it knows their kind."""

import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from transfer_core import images
from transfer_core.errors import DataSetError, ImageError
from transfer_core.features.embedding import normalise
from transfer_core.inspection.out_of_distribution import (
    OutOfDistributionDetector,
    load_or_fit_detector,
)
from transfer_core.inspection.prediction import TrainedNetwork, load_trained_network
from transfer_core.networks.surgery import pool_features
from transfer_core.system.parallel import Progress, ignore_progress

LATENCY_REPEATS = 5  # that an image is looked at for its latency


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network says of one image."""

    probabilities: dict[str, float]  # of each class, in the order of the classes
    distance: float | None  # from the training images, see `KnownImages.distances`
    is_out_of_distribution: bool | None  # whether it looks like nothing that the network knows


@torch.inference_mode()
def classify(
    trained: TrainedNetwork, detector: OutOfDistributionDetector | None, data: bytes
) -> Prediction:
    """Ask a network about an image file.

    Args:
        trained: Restored from its run.
        detector: What it knows; None leaves the question open whether it knows the image.
        data: The bytes of the file.

    Raises:
        ImageError: If it cannot be used as an image.
    """
    image = images.decode_image(data, trained.transform.min_decoded_side)
    pixels = images.apply_transform(image, trained.transform)[None]
    features = trained.network[:-1](normalise(pixels, trained.source))
    (shares,) = torch.softmax(trained.network[-1](features), dim=1).tolist()
    probabilities = dict(zip(trained.classes, shares, strict=True))
    if detector is None:
        return Prediction(probabilities, None, None)
    distance = float(detector.compute_distances(pool_features(features).numpy())[0])
    return Prediction(probabilities, distance, distance > detector.threshold)


def measure_latency(trained: TrainedNetwork, data: bytes) -> float:
    """Median seconds from an image file to its probabilities, on this machine, one at a time."""
    seconds = []
    for _ in range(LATENCY_REPEATS):
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
    """A run's answers on image files, one after another.

    Whether an image is unknown is left open where the run's data set is gone.

    Args:
        home: The data folder.
        run_id: A run with a result.
        paths: Of the images.
        progress: Called with what is done, done and total; may raise to end the work.

    Raises:
        RunError: If the run has no trained network.
        ImageError: If a file cannot be read as an image; it names the file.
    """
    trained = load_trained_network(home, run_id)
    try:
        known = load_or_fit_detector(home, trained, progress)
    except DataSetError:
        known = None
    for path in paths:
        try:
            answer = classify(trained, known, path.read_bytes())
        except OSError as error:
            raise ImageError(
                "The file cannot be read.",
                found=f"{path}: {error.strerror or error}",
                remedy="Check the file's name.",
            ) from error
        except ImageError as error:
            raise ImageError(
                error.problem, found=f"{path}: {error.found}", remedy=error.remedy
            ) from error
        yield path, answer
