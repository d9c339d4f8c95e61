"""Do images keep their labels when they are mirrored? Asked of a head that saw no mirror images."""

import numpy as np

from transfer_core.transferability.evidence import FlipInvariance
from transfer_core.transferability.grouped_folds import FOLDS
from transfer_core.transferability.head_cross_validation import (
    compute_kernel,
    train_heads,
)

MAX_FLIPPED_IMAGES = 400  # images


def choose_images_to_flip(folds: np.ndarray) -> np.ndarray:
    """Return the indices of whole folds that hold about 400 images together, or of all.

    Args:
        folds: Fold of each image in [0, 5), int64 (N,).
    """
    needed = min(FOLDS, -(-FOLDS * MAX_FLIPPED_IMAGES // len(folds)))
    return np.flatnonzero(folds < needed)


def measure_flip_invariance(
    features: np.ndarray, flipped_features: np.ndarray, labels: np.ndarray, folds: np.ndarray
) -> FlipInvariance:
    """Score a head that learned unflipped images on held-out images and their flipped copies.

    Args:
        features: Embeddings of all images, float32 (N, D).
        flipped_features: Embeddings of the flipped copies of the M images that
            `choose_images_to_flip(folds)` names, float32 (M, D).
        labels: Class indices from 0, int64 (N,).
        folds: Fold of each image, int64 (N,).
    """
    chosen = choose_images_to_flip(folds)
    fold_of = np.concatenate([folds, folds[chosen]])
    labels_of = np.concatenate([labels, labels[chosen]])
    copies = np.arange(len(chosen)) + len(folds)
    held_out = fold_of == np.unique(folds[chosen])[:, None]
    trained = ~held_out
    trained[:, copies] = False
    kernel = compute_kernel(np.concatenate([features, flipped_features]))
    right = train_heads(kernel, labels_of, trained).predict(kernel) == labels_of
    right &= trained.any(1)[:, None]  # a head that has seen nothing knows nothing
    right = (right & held_out).any(0).astype(float)
    original, mirrored = right[chosen], right[copies]
    error = (original - mirrored).std() / np.sqrt(len(chosen))
    return FlipInvariance(float(original.mean()), float(mirrored.mean()), float(error))
