"""What the page needs to say "I am not sure": features of training images, and a threshold."""

from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from transfer_core.errors import DataSetError
from transfer_core.export.offline_page.stored_weights import BinaryBlock, store_weights
from transfer_core.inspection import TrainedNetwork, load_or_fit_detector, shrink_detector
from transfer_core.system import Progress

MAX_BYTES = 1_500_000  # of the features; more training images are sampled


def store_known_pictures(
    home: Path,
    trained: TrainedNetwork,
    feature_order: np.ndarray,
    block: BinaryBlock,
    max_bytes: int,
    progress: Progress,
) -> dict[str, Any] | None:
    """Add the features of training images to the block; returns where they are and the threshold.

    Args:
        home: The data folder.
        trained: The network of a run.
        feature_order: Index in torch of each feature that the page's head reads, (D,).
        block: Takes the features.
        max_bytes: Room for the features in bytes; of more training images some are taken.
        progress: Called with the activity, done and total; may raise to cancel.

    Returns:
        None if the data set is not on this computer or has too few validation images, or if there
        is no room.
    """
    max_images = min(max_bytes, MAX_BYTES) // (2 * len(feature_order))
    if max_images < 1:
        return None
    try:
        detector = load_or_fit_detector(home, trained, progress)
        detector = shrink_detector(home, trained, detector, max_images)
    except DataSetError:
        return None
    if detector.threshold == inf:
        return None
    stored = store_weights(detector.embeddings[:, feature_order])
    return {
        "values": block.add(stored.values),
        "scales": block.add(stored.scales),
        "threshold": detector.threshold,
        "images": len(detector.embeddings),
    }
