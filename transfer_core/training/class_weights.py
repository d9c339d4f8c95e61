"""Class weights: each class counts the same in the loss, however many images it has."""

import numpy as np
import torch

from transfer_core.cases import MIN_WEIGHTED_IMBALANCE


def compute_class_weights(labels: np.ndarray, num_classes: int) -> torch.Tensor | None:
    """Return weights that make every class count the same in the loss.

    Args:
        labels: Class indices of the training images, int64 (N,).
        num_classes: Number of classes C.

    Returns:
        float32 (C,), N / (C n_c) for a class with n_c of the N training images; None if the
        largest class has at most `MIN_WEIGHTED_IMBALANCE` times the images of the smallest.
    """
    counts = np.bincount(labels, minlength=num_classes)
    if counts.max() <= MIN_WEIGHTED_IMBALANCE * counts.min():
        return None
    return torch.tensor(counts.sum() / (num_classes * counts), dtype=torch.float32)
