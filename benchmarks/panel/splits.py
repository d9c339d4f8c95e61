"""Draw data sets of some images per class from a pool."""

from dataclasses import dataclass

import numpy as np

from transfer_core.transferability import stratify_order

PER_CLASS = (5, 10, 20, 50, 100, 200, 500)  # images to learn from
MAX_TEST_IMAGES = 1_500  # images at most
MIN_TEST_IMAGES = 60  # and at least, or a tenth of those to learn from
VALIDATION_SHARE = 0.2  # of the images to learn from, as in the app


@dataclass(frozen=True)
class Split:
    """Indices into a pool, each int64 and sorted."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def learn(self) -> np.ndarray:
        """Training and validation images."""
        return np.sort(np.concatenate([self.train, self.validation]))


def draw_split(labels: np.ndarray, per_class: int, seed: int) -> Split | None:
    """Draw training, validation and test images; None if the pool has too few.

    Args:
        labels: Of all images of the pool, int64 (N,).
        per_class: Images of each class to learn from: training and validation.
        seed: Draws them. The larger of two sizes holds all images of the smaller.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        rank[members] = np.arange(len(members))
    if np.bincount(labels).min() < per_class:
        return None
    rest = order[rank[order] >= per_class]
    test = stratify_order(rest, labels)[:MAX_TEST_IMAGES]
    learned = per_class * (int(labels.max()) + 1)
    if len(test) < max(MIN_TEST_IMAGES, learned / 10):
        return None
    validation = max(1, round(VALIDATION_SHARE * per_class))
    held = np.flatnonzero(rank < validation)
    train = np.flatnonzero((rank >= validation) & (rank < per_class))
    return Split(train, held, np.sort(test))
