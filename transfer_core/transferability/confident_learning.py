"""Confident learning: find wrong labels from the probabilities of a model that has not seen them.

A class that a model is sure of has a high threshold, one that it confuses a low one, so that no
class is suspected only because it is hard.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """Images whose label is probably wrong, the most doubtful first."""

    images: np.ndarray  # positions, int64 (M,)
    suggested: np.ndarray  # the class that each probably is, int64 (M,)


def compute_class_thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how sure the model is of each class on average, over the images that have its label.

    Args:
        probabilities: By a model that was not trained on the image, shape (N, C).
        labels: Given class of each image, int64 (N,).

    Returns:
        float64 (C,) in [0, 1]; infinite for a class without an image.
    """
    classes = probabilities.shape[1]
    images = np.bincount(labels, minlength=classes)
    own = probabilities[np.arange(len(labels)), labels]
    sums = np.bincount(labels, own, minlength=classes)
    return np.where(images > 0, sums / np.maximum(images, 1), np.inf)


def find_label_errors(probabilities: np.ndarray, labels: np.ndarray) -> LabelErrors:
    """Return the images that lie off the diagonal of the confident joint.

    An image counts as of the likeliest class among those whose threshold it reaches; if that is
    another one than its label, the label is suspect. An image that reaches none is not judged.

    Args:
        probabilities: By a model that was not trained on the image, shape (N, C).
        labels: Given class of each image, int64 (N,).

    Source:
        Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset
        Labels", section 3.1 (thresholds and confident joint), 3.2 (its off-diagonals as label
        errors), ranked by the margin between the suggested class and the label.
    """
    reached = probabilities >= compute_class_thresholds(probabilities, labels)
    confident = np.where(reached, probabilities, -1).argmax(1)
    images = np.flatnonzero(reached.any(1) & (confident != labels))
    suggested = confident[images]
    margin = probabilities[images, suggested] - probabilities[images, labels[images]]
    order = np.argsort(-margin, kind="stable")
    return LabelErrors(images[order], suggested[order])
