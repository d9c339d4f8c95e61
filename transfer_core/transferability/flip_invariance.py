"""Does a mirror image keep its label? A probe that knows only unmirrored images tells."""

import numpy as np

from transfer_core.transferability.cross_validation import FOLDS
from transfer_core.transferability.evidence import FlipInvariance
from transfer_core.transferability.probes import compute_kernel, fit_probe

MAX_FLIPPED_IMAGES = 400  # images to mirror; more would not tell more


def choose_images_to_flip(folds: np.ndarray) -> np.ndarray:
    """Indices of whole folds that together hold about 400 images, or of all.

    Args:
        folds: Fold of each image in [0, 5), int64 (N,).
    """
    needed = min(FOLDS, -(-FOLDS * MAX_FLIPPED_IMAGES // len(folds)))
    return np.flatnonzero(folds < needed)


def measure_flip_invariance(
    features: np.ndarray, flipped_features: np.ndarray, labels: np.ndarray, folds: np.ndarray
) -> FlipInvariance:
    """Judge one probe on images and on their mirror images, neither of which it has seen.

    Args:
        features: Embeddings of all images, float32 (N, D).
        flipped_features: Those of the mirror images of `to_mirror(folds)`, float32 (M, D).
        labels: Class indices from 0, int64 (N,).
        folds: Fold of each image, int64 (N,).
    """
    chosen = choose_images_to_flip(folds)
    inputs = compute_kernel(np.concatenate([features, flipped_features]))
    fold_of = np.concatenate([folds, folds[chosen]])
    known = np.arange(len(fold_of)) < len(folds)  # unmirrored
    all_labels = np.concatenate([labels, labels[chosen]])
    right = np.zeros((2, len(chosen)))
    for fold in np.unique(folds[chosen]):
        held = fold_of == fold
        found = fit_probe(inputs, all_labels, known & ~held, held).correct
        right[:, folds[chosen] == fold] = found.reshape(2, -1)
    plain, mirror = right.mean(1)
    error = (right[0] - right[1]).std() / np.sqrt(len(chosen))
    return FlipInvariance(float(plain), float(mirror), float(error))
