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
from transfer_core.system.parallel import Progress

FALSE_ALARMS = 0.05  # share of images of the known kinds that may be called unknown
MOST_TRAINING = 5_000  # training images that are compared with, which bounds time and memory
MOST_VALIDATION = 2_000  # that set the threshold
KEPT = "known_images.npz"  # in the run's directory, made when it is first asked for


@dataclass(frozen=True)
class KnownImages:
    """What a network knows: the embeddings of training images, and what is usual for others."""

    embeddings: np.ndarray  # of training images, float32 (N, D)
    usual: np.ndarray  # distances of validation images, ascending, float32 (V,)

    def distances(self, embeddings: np.ndarray) -> np.ndarray:
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
        return conformal_threshold(self.usual, FALSE_ALARMS)


def conformal_threshold(usual: np.ndarray, false_alarms: float) -> float:
    """The value that a further draw exceeds with at most this probability, from sorted draws."""
    rank = ceil((len(usual) + 1) * (1 - false_alarms))
    return float(usual[rank - 1]) if rank <= len(usual) else inf


def fit(training: np.ndarray, validation: np.ndarray) -> KnownImages:
    """Learn what is known.

    Args:
        training: Embeddings of training images, float32 (N, D).
        validation: Embeddings of validation images, float32 (V, D).
    """
    known = KnownImages(training, np.empty(0, np.float32))
    return KnownImages(training, np.sort(known.distances(validation)))


def known_images(
    home: Path, trained: TrainedNetwork, progress: Progress | None = None
) -> KnownImages:
    """What a run's network knows; computed once from its data set, and kept beside the run.

    Args:
        home: The data folder.
        trained: Restored from its run.
        progress: Called with images done and images in all; may raise to end the work.

    Raises:
        DataSetError: If the data set of the run was removed.
    """
    kept = RunDirectory.of(home, trained.record.id).path / KEPT
    if kept.is_file():
        with np.load(kept) as values:
            return KnownImages(values["embeddings"].astype(np.float32), values["usual"])
    data_set = dataset.load(home, trained.record.config.data_id)
    training = some(data_set.indices("train"), MOST_TRAINING)
    validation = some(data_set.indices("validation"), MOST_VALIDATION)
    chosen = np.concatenate([training, validation])
    embeddings = embedded(home, trained, data_set, chosen, progress)
    known = fit(embeddings[: len(training)], embeddings[len(training) :])
    part = kept.with_name(f"{KEPT}.{id(known)}.part")
    with part.open("wb") as file:
        np.savez(file, embeddings=known.embeddings.astype(np.float16), usual=known.usual)
    part.replace(kept)
    return known


def embedded(
    home: Path,
    trained: TrainedNetwork,
    data_set: DataSet,
    indices: np.ndarray,
    progress: Progress | None = None,
) -> np.ndarray:
    """What a network's new layer sees of some images of a data set, float32 (M, D)."""
    stage = trained.record.config.strategy.keep_through
    pixels = dataset.Pixels(home, data_set, trained.transform)
    return embed(
        trained.network, pixels, trained.source, (stage,), indices=indices, progress=progress
    )[stage]


def some(indices: np.ndarray, most: int) -> np.ndarray:
    """All indices, or so many of them, always the same ones, in their order."""
    if len(indices) <= most:
        return indices
    return np.sort(np.random.default_rng(0).choice(indices, most, replace=False))
