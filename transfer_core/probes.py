"""Do a stage's features tell these classes apart? A linear probe, cross-validated."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from transfer_core.embedding import standardisation

FOLDS = 5
LARGEST_DIMENSIONS = 64  # of the descriptors that probes see, equal for all stages
RIDGE = 0.01  # regularisation, relative to the features' mean variance


@dataclass(frozen=True, slots=True)
class Probe:
    """Predictions for images that the probe was not fitted on."""

    right: np.ndarray  # bool, shape (N,)
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


def probe(features: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> Probe:
    """Fit a linear classifier on all folds but one and predict that one, for each fold.

    Ridge regression on the classes' indicators, each class weighing the same,
    on at most 64 principal components, so that stages of any width are
    compared by equal descriptors.

    Args:
        features: Embeddings at one stage, float32 (N, D).
        labels: Class indices, int64 (N,).
        folds: Fold of each image, int64 (N,).

    Source:
        Linear probes: Alain and Bengio 2016, "Understanding intermediate layers
        using linear classifier probes".
    """
    inputs = reduced(features)
    right = np.zeros(len(labels), dtype=bool)
    for fold in np.unique(folds):
        held = folds == fold
        right[held] = fitted(inputs, labels, ~held, held).right
    return Probe(right, labels)


def fitted(inputs: np.ndarray, labels: np.ndarray, train: np.ndarray, held: np.ndarray) -> Probe:
    """Fit the linear classifier on some images and predict others.

    Args:
        inputs: Descriptors of all images from `reduced`.
        labels: Class indices, int64 (N,).
        train: Which images to fit on, a mask or indices.
        held: Which to predict.
    """
    weights = _ridge(inputs[train], labels[train], labels.max() + 1)
    right = (_with_bias(inputs[held]) @ weights).argmax(1) == labels[held]
    return Probe(right, labels[held])


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


def reduced(features: np.ndarray) -> np.ndarray:
    """Standardised features on their leading principal components; uses no label.

    Args:
        features: float32 (N, D).

    Returns:
        Shape (N, d), d at most 64 and at most N / 4.
    """
    mean, deviation = standardisation(features)
    standard = (features - mean) / deviation
    dimensions = max(2, min(LARGEST_DIMENSIONS, len(features) // 4, features.shape[1]))
    if not standard.any():  # images all alike
        return standard[:, :dimensions]
    return PCA(dimensions, svd_solver="randomized", random_state=0).fit_transform(standard)


def _ridge(features: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    inputs = _with_bias(features)
    counts = np.bincount(labels, minlength=classes)
    importance = (len(labels) / (np.maximum(counts, 1) * (counts > 0).sum()))[labels]
    weighted = inputs * importance[:, None]
    strength = RIDGE * len(labels) * features.var(0).mean() if len(labels) else 0.0
    # At least a little, so that images all alike, or none, have a solution too.
    penalty = max(strength, 1e-9) * np.eye(inputs.shape[1])
    penalty[-1, -1] = 1e-9  # the bias is not shrunk
    return np.linalg.solve(weighted.T @ inputs + penalty, weighted.T @ np.eye(classes)[labels])


def _with_bias(features: np.ndarray) -> np.ndarray:
    return np.hstack([features, np.ones((len(features), 1), features.dtype)])
