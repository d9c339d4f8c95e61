"""Out-of-distribution detection: images whose embeddings lie far from all training images."""

import logging
import zlib
from contextlib import suppress
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from sklearn.neighbors import NearestNeighbors

from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.features import embed, join_embeddings
from transfer_core.inspection.trained_network import TrainedNetwork
from transfer_core.networks import list_head_stages
from transfer_core.runs import RunDirectory
from transfer_core.system import Progress, ignore_progress, rename_progress, write_atomically

MAX_FALSE_ALARM_RATE = 0.05  # share of images of the known kinds that may be called unknown
MAX_TRAINING_IMAGES = 5_000  # training images compared with, which bounds time and memory
MAX_VALIDATION_IMAGES = 2_000  # validation images that set the threshold

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class OutOfDistributionDetector:
    """Embeddings of training images, and the distances at which validation images lie."""

    embeddings: np.ndarray  # of training images, float32 (N, D)
    conformal_scores: np.ndarray  # distances of validation images, ascending, float32 (V,)

    def compute_distances(self, embeddings: np.ndarray) -> np.ndarray:
        """Return the Euclidean distance to the nearest training image, float32 (B,).

        Args:
            embeddings: float32 (B, D).

        Source:
            Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors". They
            scale embeddings to unit length and take a later neighbour; neither helped on
            the image sets of `benchmarks/unknown_images.py`.
        """
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(self.embeddings)
        return search.kneighbors(embeddings)[0][:, 0].astype(np.float32)

    @property
    def threshold(self) -> float:
        """Distance beyond which an image is called unknown; infinite with too few scores.

        An image drawn like the validation images lies beyond it with a probability of at
        most MAX_FALSE_ALARM_RATE. That takes 1 / MAX_FALSE_ALARM_RATE - 1 scores.

        Source:
            Split conformal prediction, as in Vovk et al. 2005, "Algorithmic learning in a
            random world".
        """
        return compute_conformal_threshold(self.conformal_scores, MAX_FALSE_ALARM_RATE)

    def is_out_of_distribution(self, distance: float) -> bool:
        """Say whether an image at this distance looks like nothing that the network knows."""
        return distance > self.threshold


def compute_conformal_threshold(conformal_scores: np.ndarray, false_alarm_rate: float) -> float:
    """Return the value that a further score exceeds with at most this probability.

    Args:
        conformal_scores: Scores drawn like the further one, ascending, float32 (V,).
        false_alarm_rate: The probability, in (0, 1).
    """
    rank = ceil((len(conformal_scores) + 1) * (1 - false_alarm_rate))
    return float(conformal_scores[rank - 1]) if rank <= len(conformal_scores) else inf


def fit_detector(training: np.ndarray, validation: np.ndarray) -> OutOfDistributionDetector:
    """Fit a detector.

    Args:
        training: Embeddings of training images, float32 (N, D).
        validation: Embeddings of validation images, float32 (V, D).
    """
    unscored = OutOfDistributionDetector(training, np.empty(0, np.float32))
    return OutOfDistributionDetector(training, np.sort(unscored.compute_distances(validation)))


def load_or_fit_detector(
    home: Path, trained: TrainedNetwork, progress: Progress = ignore_progress
) -> OutOfDistributionDetector:
    """Return the detector of a run, fitted once on its data set and stored with the run.

    Args:
        home: The data folder.
        trained: The network of the run.
        progress: Called with what is done, images done and total; may raise to end the work.

    Raises:
        DataSetError: If the data set of the run was removed.
    """
    file_path = RunDirectory.locate(home, trained.record.id).detector_file
    if (detector := _read_detector(file_path)) is not None:
        return detector
    data_set = dataset.load(home, trained.record.config.data_id)
    training = subsample(data_set.indices("train"), MAX_TRAINING_IMAGES)
    validation = subsample(data_set.indices("validation"), MAX_VALIDATION_IMAGES)
    embeddings = embed_data_set_images(
        home,
        trained,
        data_set,
        np.concatenate([training, validation]),
        rename_progress(progress, "Learning what the network knows"),
    )
    detector = fit_detector(embeddings[: len(training)], embeddings[len(training) :])
    with suppress(OSError):  # a full disk only costs that it is fitted again
        write_atomically(
            file_path,
            lambda file: np.savez(
                file,
                embeddings=detector.embeddings.astype(np.float16),
                conformal_scores=detector.conformal_scores,
            ),
        )
    return detector


def shrink_detector(
    home: Path, trained: TrainedNetwork, detector: OutOfDistributionDetector, max_images: int
) -> OutOfDistributionDetector:
    """Return a detector that compares with at most so many of the training images.

    The validation images are scored anew, so that the threshold keeps its false alarm rate.

    Raises:
        DataSetError: If the data set of the run was removed.
    """
    if len(detector.embeddings) <= max_images:
        return detector
    data_set = dataset.load(home, trained.record.config.data_id)
    validation = subsample(data_set.indices("validation"), MAX_VALIDATION_IMAGES)
    kept = subsample(np.arange(len(detector.embeddings)), max_images)
    return fit_detector(
        detector.embeddings[kept], embed_data_set_images(home, trained, data_set, validation)
    )


def _read_detector(path: Path) -> OutOfDistributionDetector | None:
    """The stored detector; None if there is none or it is damaged, as the zip's checksums tell."""
    try:
        with np.load(path) as values:
            # Until version 2 of the settings the scores were stored as "usual".
            name = "conformal_scores" if "conformal_scores" in values else "usual"
            return OutOfDistributionDetector(values["embeddings"].astype(np.float32), values[name])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, AttributeError, BadZipFile, zlib.error) as damage:
        _LOG.warning("%s is damaged and made again: %s", path, damage)
        return None


def embed_data_set_images(
    home: Path,
    trained: TrainedNetwork,
    data_set: DataSet,
    indices: np.ndarray,
    progress: Progress = ignore_progress,
) -> np.ndarray:
    """Embed images of a data set as the head reads them; float32 (M, D).

    Args:
        home: The data folder.
        trained: The network of a run.
        data_set: The data set.
        indices: Indices into its records, int64 (M,).
        progress: Called with what is done, images done and total; may raise to end the work.
    """
    stages = list_head_stages(trained.source, trained.record.config.strategy)
    pixels = dataset.PixelArray(home, data_set, trained.transform)
    embeddings = embed(
        trained.network, pixels, trained.source, stages, indices=indices, progress=progress
    )
    return join_embeddings(embeddings, stages)


def subsample(indices: np.ndarray, max_count: int) -> np.ndarray:
    """Return all indices, or a fixed random choice of `max_count` of them, in their order."""
    if len(indices) <= max_count:
        return indices
    return np.sort(np.random.default_rng(0).choice(indices, max_count, replace=False))
