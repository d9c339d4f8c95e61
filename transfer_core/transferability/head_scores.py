"""What new layers got right on images that they were not trained on."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from transfer_core.transferability.evidence import FlipInvariance
from transfer_core.transferability.grouped_folds import FOLDS, assign_grouped_folds
from transfer_core.transferability.interim_heads import train_heads as predict_by_heads

REPEATS = 3  # of the cross-validation, with other folds each time
MAX_FLIPPED_IMAGES = 400  # images


@dataclass(frozen=True, slots=True)
class HeadScores:
    """Predictions for images that a new layer was not trained on."""

    correct: np.ndarray  # share of the repeats in which it was right, shape (N,)
    labels: np.ndarray  # int64, shape (N,)

    def balanced_accuracy(self) -> float:
        """Mean over the classes of the share of images that are right; 0 without images."""
        images = np.bincount(self.labels)
        right = np.bincount(self.labels, self.correct)
        present = images > 0
        return float((right[present] / images[present]).mean()) if present.any() else 0.0

    def plain_accuracy(self) -> float:
        """Share of all images that are right, as a run reports it; 0 without images."""
        return float(self.correct.mean()) if len(self.correct) else 0.0


def cross_validate_head(
    features: np.ndarray, labels: np.ndarray, groups: Sequence[Hashable], repeats: int = REPEATS
) -> HeadScores:
    """Train a new layer on all folds but one, predict that fold, and do so for each fold.

    Args:
        features: Embeddings, float32 (N, D).
        labels: Class indices from 0, int64 (N,).
        groups: Group of each image; near-duplicates share one.
        repeats: Number of cross-validations, each with other folds.

    Source:
        Linear probes: Alain and Bengio 2016, "Understanding intermediate layers
        using linear classifier probes".
    """
    folds = [assign_grouped_folds(labels, groups, seed) for seed in range(repeats)]
    held_out = np.concatenate([[each == fold for fold in np.unique(each)] for each in folds])
    predicted = predict_by_heads(features, labels, ~held_out)
    right = (predicted == labels) & held_out
    return HeadScores(right.sum(0) / repeats, labels)


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
    fold_of, is_copy = np.concatenate([folds, folds[chosen]]), np.arange(len(chosen)) + len(folds)
    held_out = fold_of == np.unique(folds[chosen])[:, None]
    train = ~held_out
    train[:, is_copy] = False
    predicted = predict_by_heads(
        np.concatenate([features, flipped_features]), np.append(labels, labels[chosen]), train
    )
    right = ((predicted == np.append(labels, labels[chosen])) & held_out).any(0).astype(float)
    original, mirrored = right[chosen], right[is_copy]
    error = (original - mirrored).std() / np.sqrt(len(chosen))
    return FlipInvariance(float(original.mean()), float(mirrored.mean()), float(error))


def choose_images_to_flip(folds: np.ndarray) -> np.ndarray:
    """Return the indices of whole folds that hold about 400 images together, or of all.

    Args:
        folds: Fold of each image in [0, 5), int64 (N,).
    """
    needed = min(FOLDS, -(-FOLDS * MAX_FLIPPED_IMAGES // len(folds)))
    return np.flatnonzero(folds < needed)
