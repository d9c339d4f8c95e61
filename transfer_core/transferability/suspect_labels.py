"""Find training images whose label is suspect, from a new layer that has not seen them."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.features import get_cache_folder
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork
from transfer_core.system import Progress, ignore_progress, load_json, save_json
from transfer_core.transferability.confident_learning import find_label_errors
from transfer_core.transferability.grouped_folds import stratify_order

MIN_CLASS_IMAGES = 5  # training images; of fewer, nothing is known about the class
MAX_IMAGES_AT_ONCE = 2_000  # more are judged in several parts, each by what it learns itself
CACHE_VERSION = 1  # of stored suspects; raised when they would be found differently


@dataclass(frozen=True, slots=True)
class SuspectLabel:
    """A training image that the new layer, trained without it, takes for another class."""

    image: int  # index into the data set's records
    suggested: int  # index of the class that it probably is
    probability: float  # of the suggested class, in [0, 1]
    own_probability: float  # of the class that it has, in [0, 1]


def find_suspect_labels(
    data_set: DataSet,
    source: SourceNetwork,
    home: Path,
    *,
    progress: Progress = ignore_progress,
) -> tuple[SuspectLabel, ...]:
    """Return the training images whose label is suspect, the most doubtful first.

    The new layer of case 1 is cross-validated on the training images, and what it says of images
    that it was not trained on is judged by confident learning. Near-duplicates share a fold.
    The result is cached on disk.

    Args:
        data_set: The images.
        source: The network; its pre-trained weights must be on this machine.
        home: The data folder, with the caches.
        progress: Called with the work, images done and total; may raise to cancel.

    Raises:
        NetworkError: If the weights are missing or damaged.
    """
    indices = list_judged_images(data_set)
    folder = get_cache_folder(home, data_set.id, source, source.transform.key, indices)
    file = folder / f"suspects_{CACHE_VERSION}.json"
    if (known := load_json(file)) is not None:
        return tuple(SuspectLabel(**values) for values in known)
    found = _judge_images(data_set, source, home, indices, progress) if len(indices) else ()
    save_json(home, file, [asdict(suspect) for suspect in found])
    return found


def list_judged_images(data_set: DataSet) -> np.ndarray:
    """Return the indices of the training images of classes that have enough, int64 (N,)."""
    train, counts = data_set.indices("train"), np.array(data_set.counts("train"))
    judged = train[counts[data_set.labels[train]] >= MIN_CLASS_IMAGES]
    return judged if len(np.unique(data_set.labels[judged])) > 1 else judged[:0]


def _judge_images(
    data_set: DataSet,
    source: SourceNetwork,
    home: Path,
    indices: np.ndarray,
    progress: Progress,
) -> tuple[SuspectLabel, ...]:
    features = _embed(data_set, source, home, progress)
    groups = _group_images(data_set, home, progress)
    labels = data_set.labels
    probabilities = np.zeros((len(labels), len(data_set.classes)))
    parts = _part_images(indices, labels)
    for number, part in enumerate(parts):
        progress(_("Asking the new layer about images it has not seen"), number, len(parts))
        present = np.unique(labels[part])
        probabilities[np.ix_(part, present)] = _cross_validate(
            features[part], labels[part], groups[part]
        )
    errors = find_label_errors(probabilities[indices], labels[indices])
    return tuple(
        SuspectLabel(
            int(image),
            int(suggested),
            round(float(probabilities[image, suggested]), 4),
            round(float(probabilities[image, labels[image]]), 4),
        )
        for image, suggested in zip(indices[errors.images], errors.suggested, strict=True)
    )


def _embed(data_set: DataSet, source: SourceNetwork, home: Path, progress: Progress) -> np.ndarray:
    """What the new layer of case 1 reads of every image, float32 (N, D); a run reads it too."""
    # Imported here because they import torch, which cached suspects do not need.
    from transfer_core.features import load_or_embed
    from transfer_core.networks import load_pretrained

    top = source.stage_names[-2]
    pixels = dataset.PixelArray(home, data_set, source.transform)
    return load_or_embed(
        home, data_set.id, load_pretrained(source), pixels, source, (top,), progress=progress
    )[0][top]


def _group_images(data_set: DataSet, home: Path, progress: Progress) -> np.ndarray:
    """Group of each image: its burst, else its near-duplicates, else itself, int (N,)."""
    groups = np.arange(len(data_set.records))
    for group in dataset.find_near_duplicates(home, data_set, progress):
        groups[list(group.images)] = group.images[0]
    first_of: dict[str, int] = {}
    for index, record in enumerate(data_set.records):
        if (burst := dataset.find_burst(record.path)) is not None:
            groups[index] = first_of.setdefault(burst, index)
    return groups


def _part_images(indices: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Share images out over parts of about equal size, each with the same share of each class."""
    order = stratify_order(np.random.default_rng(0).permutation(indices), labels)
    count = -(-len(order) // MAX_IMAGES_AT_ONCE)
    return [order[number::count] for number in range(count)]


def _cross_validate(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Probabilities of the classes that are present, in their order, float64 (N, C)."""
    from transfer_core.transferability.head_cross_validation import (
        compute_kernel,
        cross_validate_probabilities,
    )

    numbers = np.unique(labels, return_inverse=True)[1]
    return cross_validate_probabilities(
        compute_kernel(np.asarray(features)), numbers, groups.tolist()
    )
