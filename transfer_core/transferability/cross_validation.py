"""Which images a probe is fitted on and which it is judged on."""

from collections.abc import Hashable, Sequence

import numpy as np

FOLDS = 5


def assign_grouped_folds(labels: np.ndarray, groups: Sequence[Hashable], seed: int) -> np.ndarray:
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


def stratify_order(order: np.ndarray, labels: np.ndarray) -> np.ndarray:
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
