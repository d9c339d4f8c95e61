"""Does a mirror image keep its label? A probe that knows only unmirrored images tells."""

import numpy as np

from transfer_core.transferability.cross_validation import FOLDS
from transfer_core.transferability.evidence import Mirroring
from transfer_core.transferability.probes import fitted, kernel

ENOUGH = 400  # images to mirror; more would not tell more


def to_mirror(folds: np.ndarray) -> np.ndarray:
    """Indices of whole folds that together hold about 400 images, or of all.

    Args:
        folds: Fold of each image in [0, 5), int64 (N,).
    """
    needed = min(FOLDS, -(-FOLDS * ENOUGH // len(folds)))
    return np.flatnonzero(folds < needed)


def mirroring(
    features: np.ndarray, mirrored: np.ndarray, labels: np.ndarray, folds: np.ndarray
) -> Mirroring:
    """Judge one probe on images and on their mirror images, neither of which it has seen.

    Args:
        features: Embeddings of all images, float32 (N, D).
        mirrored: Those of the mirror images of `to_mirror(folds)`, float32 (M, D).
        labels: Class indices from 0, int64 (N,).
        folds: Fold of each image, int64 (N,).
    """
    chosen = to_mirror(folds)
    inputs = kernel(np.concatenate([features, mirrored]))
    fold_of = np.concatenate([folds, folds[chosen]])
    known = np.arange(len(fold_of)) < len(folds)  # unmirrored
    all_labels = np.concatenate([labels, labels[chosen]])
    right = np.zeros((2, len(chosen)))
    for fold in np.unique(folds[chosen]):
        held = fold_of == fold
        found = fitted(inputs, all_labels, known & ~held, held).right
        right[:, folds[chosen] == fold] = found.reshape(2, -1)
    plain, mirror = right.mean(1)
    error = (right[0] - right[1]).std() / np.sqrt(len(chosen))
    return Mirroring(float(plain), float(mirror), float(error))
