"""Probe one network on a sample of images: embed them once, then cross-validate a new layer."""

from pathlib import Path

import numpy as np

from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.features import embed
from transfer_core.networks import SourceNetwork, load_pretrained
from transfer_core.system import Progress
from transfer_core.transferability.bootstrap import Bootstrap
from transfer_core.transferability.evidence import round_values
from transfer_core.transferability.head_cross_validation import (
    compute_kernel,
    cross_validate_head,
)


def probe_network(
    data_set: DataSet,
    source: SourceNetwork,
    home: Path,
    indices: np.ndarray,
    groups: np.ndarray,
    *,
    progress: Progress,
) -> tuple[float, float, float]:
    """Return the balanced accuracy of a new layer on the features before the classifier.

    Args:
        data_set: The new images.
        source: The network; its pre-trained weights must be on this machine.
        home: The data folder.
        indices: Indices of the sample's images, int64 (N,).
        groups: Group of each of them; images of one group share a fold, int (N,).
        progress: Called with the work, images done and total; may raise to cancel.

    Returns:
        The accuracy, and both ends of its 95 % interval, in [0, 1].

    Raises:
        NetworkError: If the weights are missing or damaged.
    """
    top = source.stage_names[-2]
    pixels = dataset.PixelArray(home, data_set, source.transform)
    features = embed(
        load_pretrained(source), pixels, source, (top,), indices=indices, progress=progress
    )[top]
    labels = np.unique(data_set.labels[indices], return_inverse=True)[1]  # a class may be missing
    scores = cross_validate_head(compute_kernel(features), labels, groups)
    bootstrap = Bootstrap(labels, np.unique(groups, return_inverse=True)[1], vary_classes=False)
    accuracy, margin = scores.balanced_accuracy(), 1.96 * bootstrap.estimate_errors([scores])[0]
    return round_values((accuracy, max(0, accuracy - margin), min(1, accuracy + margin)))
