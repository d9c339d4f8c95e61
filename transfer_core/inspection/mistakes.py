"""Which test images are worth a look: mistakes, doubtful ones, those of a cell of the matrix."""

import numpy as np

from transfer_core.inspection.prediction import TestPredictions


def compute_confidences(predictions: TestPredictions) -> np.ndarray:
    """Probability of each image's predicted class, float32 (N,)."""
    return predictions.probabilities.max(1)


def compute_margins(predictions: TestPredictions) -> np.ndarray:
    """By how much each image's likeliest class leads the second, float32 (N,) in [0, 1]."""
    second, first = np.partition(predictions.probabilities, -2, axis=1)[:, -2:].T
    return first - second


def find_second_classes(predictions: TestPredictions) -> np.ndarray:
    """The second likeliest class of each image, int64 (N,)."""
    return np.argsort(-predictions.probabilities, axis=1, kind="stable")[:, 1]


def find_misclassified(predictions: TestPredictions) -> np.ndarray:
    """Positions of the images that were taken for another class, the surest first, int64."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    return wrong[np.argsort(-compute_confidences(predictions)[wrong], kind="stable")]


def rank_by_uncertainty(predictions: TestPredictions) -> np.ndarray:
    """Positions of all images, those with the smallest margin first, int64 (N,)."""
    return np.argsort(compute_margins(predictions), kind="stable")


def find_in_confusion_cell(predictions: TestPredictions, actual: int, predicted: int) -> np.ndarray:
    """Positions of the images of one class that were taken for another, the surest first."""
    inside = np.flatnonzero((predictions.labels == actual) & (predictions.predicted == predicted))
    return inside[np.argsort(-compute_confidences(predictions)[inside], kind="stable")]
