"""Images unlike all that a network was trained on, told by where their embeddings lie."""

from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.features.embedding import embed
from transfer_core.inspection.prediction import TrainedNetwork
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.system.files import write_atomically
from transfer_core.system.parallel import Progress, ignore_progress, rename_progress

MAX_FALSE_ALARM_RATE = 0.05  # share of images of the known kinds that may be called unknown
MAX_TRAINING_IMAGES = 5_000  # training images that are compared with, which bounds time and memory
MAX_VALIDATION_IMAGES = 2_000  # that set the threshold


@dataclass(frozen=True)
class OutOfDistributionDetector:
    """What a network knows: the embeddings of training images, and what is usual for others."""

    embeddings: np.ndarray  # of training images, float32 (N, D)
    conformal_scores: np.ndarray  # distances of validation images, ascending, float32 (V,)

    def compute_distances(self, embeddings: np.ndarray) -> np.ndarray:
        """Euclidean distance of each image to the nearest training image, float32 (B,).

        Args:
            embeddings: float32 (B, D).

        Source:
            Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors". They
            scale embeddings to unit length and take a later neighbour; on the image sets
            that this was picked on, neither helped (`benchmarks/unknown_images.py`).
        """
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(self.embeddings)
        return search.kneighbors(embeddings)[0][:, 0].astype(np.float32)

    @property
    def threshold(self) -> float:
        """Distance beyond which an image is called unknown; infinite if nothing can be said.

        An image like the validation images lies beyond it with a probability of at
        most FALSE_ALARMS. That takes 1 / FALSE_ALARMS - 1 validation images.

        Source:
            Split conformal prediction, as in Vovk et al. 2005, "Algorithmic learning in a
            random world".
        """
        return compute_conformal_threshold(self.conformal_scores, MAX_FALSE_ALARM_RATE)


def compute_conformal_threshold(conformal_scores: np.ndarray, false_alarm_rate: float) -> float:
    """The value that a further draw exceeds with at most this probability, from sorted draws."""
    rank = ceil((len(conformal_scores) + 1) * (1 - false_alarm_rate))
    return float(conformal_scores[rank - 1]) if rank <= len(conformal_scores) else inf


def fit_detector(training: np.ndarray, validation: np.ndarray) -> OutOfDistributionDetector:
    """Learn what is known.

    Args:
        training: Embeddings of training images, float32 (N, D).
        validation: Embeddings of validation images, float32 (V, D).
    """
    known = OutOfDistributionDetector(training, np.empty(0, np.float32))
    return OutOfDistributionDetector(training, np.sort(known.compute_distances(validation)))


def load_or_fit_detector(
    home: Path, trained: TrainedNetwork, progress: Progress = ignore_progress
) -> OutOfDistributionDetector:
    """What a run's network knows; computed once from its data set, and kept beside the run.

    Args:
        home: The data folder.
        trained: Restored from its run.
        progress: Called with what is done, images done and total; may raise to end the work.

    Raises:
        DataSetError: If the data set of the run was removed.
    """
    file_path = RunDirectory.of(home, trained.record.id).detector_file
    if file_path.is_file():
        with np.load(file_path) as values:
            return OutOfDistributionDetector(
                values["embeddings"].astype(np.float32), values["conformal_scores"]
            )
    data_set = dataset.load(home, trained.record.config.data_id)
    training = subsample(data_set.indices("train"), MAX_TRAINING_IMAGES)
    validation = subsample(data_set.indices("validation"), MAX_VALIDATION_IMAGES)
    chosen = np.concatenate([training, validation])
    embeddings = embed_data_set_images(
        home,
        trained,
        data_set,
        chosen,
        rename_progress(progress, "Learning what the network knows"),
    )
    known = fit_detector(embeddings[: len(training)], embeddings[len(training) :])
    write_atomically(
        file_path,
        lambda file: np.savez(
            file,
            embeddings=known.embeddings.astype(np.float16),
            conformal_scores=known.conformal_scores,
        ),
    )
    return known


def embed_data_set_images(
    home: Path,
    trained: TrainedNetwork,
    data_set: DataSet,
    indices: np.ndarray,
    progress: Progress = ignore_progress,
) -> np.ndarray:
    """What a network's new layer sees of some images of a data set, float32 (M, D)."""
    stage = trained.record.config.strategy.keep_through
    pixels = dataset.PixelArray(home, data_set, trained.transform)
    return embed(
        trained.network, pixels, trained.source, (stage,), indices=indices, progress=progress
    )[stage]


def subsample(indices: np.ndarray, max_count: int) -> np.ndarray:
    """All indices, or so many of them, always the same ones, in their order."""
    if len(indices) <= max_count:
        return indices
    return np.sort(np.random.default_rng(0).choice(indices, max_count, replace=False))
