"""Do a stage's features tell these classes apart? A linear probe, cross-validated."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from transfer_core.standardisation import standardisation

FOLDS = 5
REPEATS = 3  # with other folds each time
RIDGE = 3.0  # regularisation, relative to the features' mean variance


@dataclass(frozen=True, slots=True)
class Probe:
    """Predictions for images that the probe was not fitted on."""

    right: np.ndarray  # share of the repeats in which it was right, shape (N,)
    labels: np.ndarray  # int64, shape (N,)

    def balanced_accuracy(self, weights: np.ndarray | None = None) -> float:
        """Mean over the classes of the share of images that are right; 0 of no images.

        Args:
            weights: How often each image counts, shape (N,); once each if None.
        """
        weights = np.ones(len(self.labels)) if weights is None else weights
        images = np.bincount(self.labels, weights)
        right = np.bincount(self.labels, weights * self.right)
        present = images > 0
        return float((right[present] / images[present]).mean()) if present.any() else 0.0


def probe(
    features: np.ndarray, labels: np.ndarray, groups: Sequence[Hashable], repeats: int = REPEATS
) -> Probe:
    """Fit a linear classifier on all folds but one and predict that one, for each fold.

    Args:
        features: Embeddings at one stage, float32 (N, D).
        labels: Class indices from 0, int64 (N,).
        groups: Of each image; copies of one image share theirs.
        repeats: How often, each time with other folds.

    Source:
        Linear probes: Alain and Bengio 2016, "Understanding intermediate layers
        using linear classifier probes".
    """
    inputs, right = kernel(features), np.zeros(len(labels))
    for repeat in range(repeats):
        folds = grouped_folds(labels, groups, seed=repeat)
        for fold in np.unique(folds):
            held = folds == fold
            right[held] += fitted(inputs, labels, ~held, held).right / repeats
    return Probe(right, labels)


def fitted(inputs: np.ndarray, labels: np.ndarray, train: np.ndarray, held: np.ndarray) -> Probe:
    """Fit the linear classifier on some images and predict others.

    Ridge regression on the classes' indicators, each class weighing the same. It sees all
    features of a stage, as the new layer will, so it must be regularised strongly; the
    strength was chosen on measurements of new layers.

    Args:
        inputs: From `kernel`, of all images.
        labels: Class indices from 0, int64 (N,).
        train: Mask of the images to fit on.
        held: Mask of those to predict.
    """
    classes, known = labels.max() + 1, labels[train]
    if not len(known):
        return Probe(np.zeros(held.sum()), labels[held])
    counts = np.bincount(known, minlength=classes)
    importance = len(known) / (np.maximum(counts, 1) * (counts > 0).sum())
    penalty = np.diag(RIDGE / importance[known]).astype(inputs.dtype)
    targets = np.eye(classes, dtype=inputs.dtype)[known] - 1 / classes
    # Half the time of `solve`, which estimates a condition number that the penalty bounds.
    factor = cho_factor(inputs[train][:, train] + penalty, overwrite_a=True, check_finite=False)
    weights = cho_solve(factor, targets, check_finite=False)
    predicted = (inputs[held][:, train] @ weights).argmax(1)
    return Probe((predicted == labels[held]).astype(float), labels[held])


def kernel(features: np.ndarray) -> np.ndarray:
    """Inner products of standardised features, per feature; uses no label.

    Args:
        features: float32 (N, D).

    Returns:
        float32 (N, N), the mean of its diagonal at most 1.
    """
    mean, deviation = standardisation(features)
    standard = (features - mean) / deviation
    return standard @ standard.T / features.shape[1]


def grouped_folds(labels: np.ndarray, groups: Sequence[Hashable], seed: int) -> np.ndarray:
    """Stratified folds that never part the images of one group.

    Args:
        labels: Class indices, int64 (N,).
        groups: Of each image; copies of one image share theirs.
        seed: Draws the folds.

    Returns:
        Fold of each image in [0, 5), int64 (N,).
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    fold_of: dict[Hashable, int] = {}
    next_fold = np.random.default_rng(seed).integers(0, FOLDS, labels.max() + 1)
    for index in order:
        if groups[index] not in fold_of:
            fold_of[groups[index]] = next_fold[labels[index]] % FOLDS
            next_fold[labels[index]] += 1
    return np.array([fold_of[group] for group in groups])


def stratified(order: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The same indices in an order of which any first part holds the same share of each class.

    Args:
        order: Indices of images, int64 (N,), those of a class in the order to keep.
        labels: Class indices of all images, int64.
    """
    rank = np.empty(len(order))  # of each image within its class, as a share of it
    for label in np.unique(labels[order]):
        members = np.flatnonzero(labels[order] == label)
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return order[np.argsort(rank, kind="stable")]
