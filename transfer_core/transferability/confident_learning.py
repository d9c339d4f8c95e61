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


def compute_confident_joint(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how many images of each label are probably of each class.

    An image counts as of the likeliest class among those whose threshold it reaches; one that
    reaches none is not counted. The counts are scaled to the number of images of each label.

    Args:
        probabilities: By a model that was not trained on the image, shape (N, C).
        labels: Given class of each image, int64 (N,).

    Returns:
        float64 (C, C): the label's row, the probable class's column.
    """
    classes = probabilities.shape[1]
    reached = probabilities >= compute_class_thresholds(probabilities, labels)
    confident = np.where(reached, probabilities, -1).argmax(1)
    counted = reached.any(1)
    joint = np.zeros((classes, classes))
    np.add.at(joint, (labels[counted], confident[counted]), 1)
    images = np.bincount(labels, minlength=classes)
    return joint * (images / np.maximum(joint.sum(1), 1))[:, None]


def find_label_errors(probabilities: np.ndarray, labels: np.ndarray) -> LabelErrors:
    """Return the images that both ways of pruning would remove.

    The confident joint says how many labels of each class are wrong, and for which other class.
    So many images are taken, once those with the least probability of their label, once those
    with the greatest margin of the other class; suspect is what is taken both times.

    Args:
        probabilities: By a model that was not trained on the image, shape (N, C).
        labels: Given class of each image, int64 (N,).

    Source:
        Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset
        Labels", section 3.1 (thresholds, confident joint and its scaling) and method 5 of 3.2
        (C+NR). As in their package cleanlab, an image whose label is the likeliest class is never
        suspect.
    """
    joint = np.rint(compute_confident_joint(probabilities, labels)).astype(int)
    own = probabilities[np.arange(len(labels)), labels]
    margins = probabilities - own[:, None]  # of each class over the label
    by_class, by_noise_rate = np.zeros((2, len(labels)), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        num_wrong = joint[label].sum() - joint[label, label]
        by_class[members[np.argsort(own[members], kind="stable")[:num_wrong]]] = True
        for other in np.flatnonzero(joint[label]):
            if other != label:
                order = np.argsort(-margins[members, other], kind="stable")
                by_noise_rate[members[order[: joint[label, other]]]] = True
    suggested = probabilities.argmax(1)
    images = np.flatnonzero(by_class & by_noise_rate & (suggested != labels))
    order = np.argsort(-margins[images, suggested[images]], kind="stable")
    return LabelErrors(images[order], suggested[images[order]])
