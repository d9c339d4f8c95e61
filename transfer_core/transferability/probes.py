"""Linear probes: how well a stage's features separate the classes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from transfer_core.features import fit_standardisation
from transfer_core.transferability.evidence import FlipInvariance
from transfer_core.transferability.grouped_folds import FOLDS, assign_grouped_folds

REPEATS = 3  # of the cross-validation, with other folds each time
RIDGE_PENALTY = 3.0  # relative to the features' mean variance; chosen on the panel's heads
SCORE_DECIMALS = 4  # scores are rounded to them, so that last digits decide no tie
MIN_RELATIVE_VARIANCE = 1e-8  # of features; less is rounding errors
MAX_FLIPPED_IMAGES = 400  # images


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Predictions for images that the probe was not fitted on."""

    correct: np.ndarray  # share of the repeats in which it was right, shape (N,)
    labels: np.ndarray  # int64, shape (N,)

    def balanced_accuracy(self) -> float:
        """Mean over the classes of the share of images that are right; 0 without images."""
        images = np.bincount(self.labels)
        right = np.bincount(self.labels, self.correct)
        present = images > 0
        return float((right[present] / images[present]).mean()) if present.any() else 0.0


def cross_validate_probe(
    kernel: torch.Tensor, labels: np.ndarray, groups: Sequence[Hashable], repeats: int = REPEATS
) -> ProbeResult:
    """Fit a linear classifier on all folds but one, predict that fold, and do so for each fold.

    Args:
        kernel: From `compute_kernel`, of the embeddings at one stage.
        labels: Class indices from 0, int64 (N,).
        groups: Group of each image; near-duplicates share one.
        repeats: Number of cross-validations, each with other folds.

    Source:
        Linear probes: Alain and Bengio 2016, "Understanding intermediate layers
        using linear classifier probes".
    """
    correct = np.zeros(len(labels))
    for repeat in range(repeats):
        folds = assign_grouped_folds(labels, groups, seed=repeat)
        for fold in np.unique(folds):
            held_out = folds == fold
            probe = fit_probe(kernel, labels, ~held_out, held_out)
            correct[held_out] += probe.correct / repeats
    return ProbeResult(correct, labels)


def fit_probe(
    kernel: torch.Tensor, labels: np.ndarray, train: np.ndarray, held_out: np.ndarray
) -> ProbeResult:
    """Fit the linear classifier on some images and predict others.

    Ridge regression on one-hot targets; every class has the same total weight. The probe sees
    all features of a stage, as a new head does, so the penalty is strong.

    Args:
        kernel: From `compute_kernel`, of all images.
        labels: Class indices from 0, int64 (N,).
        train: Mask of the images to fit on, bool (N,).
        held_out: Mask of the images to predict, bool (N,).
    """
    classes, known = labels.max() + 1, labels[train]
    if not len(known):
        return ProbeResult(np.zeros(held_out.sum()), labels[held_out])
    counts = np.bincount(known, minlength=classes)
    importance = len(known) / (np.maximum(counts, 1) * (counts > 0).sum())
    penalty = torch.from_numpy(RIDGE_PENALTY / importance[known]).to(kernel)
    targets = torch.from_numpy(np.eye(classes)[known] - 1 / classes).to(kernel)
    rows = kernel.numpy()[train]  # masks index much faster in NumPy
    # All in torch: the thread pools of NumPy and SciPy would compete with its own.
    system = torch.from_numpy(rows[:, train])
    system.diagonal().add_(penalty)
    weights = torch.cholesky_solve(targets, torch.linalg.cholesky(system))
    scores = torch.from_numpy(rows[:, held_out]).T @ weights
    predicted = scores.numpy().round(SCORE_DECIMALS).argmax(1)
    return ProbeResult((predicted == labels[held_out]).astype(float), labels[held_out])


def compute_kernel(features: np.ndarray) -> torch.Tensor:
    """Return inner products of standardised features, divided by D; labels are not used.

    Args:
        features: float32 (N, D).

    Returns:
        float32, shape (N, N); the mean of its diagonal is at most 1. All 0 if the features
        differ by no more than rounding errors.
    """
    if features.var(0).mean() <= MIN_RELATIVE_VARIANCE * np.square(features).mean():
        return torch.zeros(len(features), len(features))
    mean, deviation = fit_standardisation(features)
    standard = torch.from_numpy((features - mean) / deviation)
    return standard @ standard.T / features.shape[1]


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
    """Score a probe that learned unflipped images on held-out images and their flipped copies.

    Args:
        features: Embeddings of all images, float32 (N, D).
        flipped_features: Embeddings of the flipped copies of the M images that
            `choose_images_to_flip(folds)` names, float32 (M, D).
        labels: Class indices from 0, int64 (N,).
        folds: Fold of each image, int64 (N,).
    """
    chosen = choose_images_to_flip(folds)
    kernel = compute_kernel(np.concatenate([features, flipped_features]))
    fold_of = np.concatenate([folds, folds[chosen]])
    is_unflipped = np.arange(len(fold_of)) < len(folds)
    all_labels = np.concatenate([labels, labels[chosen]])
    correct = np.zeros((2, len(chosen)))  # unflipped, flipped
    for fold in np.unique(folds[chosen]):
        held_out = fold_of == fold
        probe = fit_probe(kernel, all_labels, is_unflipped & ~held_out, held_out)
        correct[:, folds[chosen] == fold] = probe.correct.reshape(2, -1)
    original, mirrored = correct.mean(1)
    error = (correct[0] - correct[1]).std() / np.sqrt(len(chosen))
    return FlipInvariance(float(original), float(mirrored), float(error))
