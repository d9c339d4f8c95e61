"""Selections of test images: mistakes, uncertain ones, a cell of the confusion matrix."""

import numpy as np

from transfer_core.inspection.prediction import TestPredictions


def compute_confidences(predictions: TestPredictions) -> np.ndarray:
    """Return the probability of each image's predicted class, float32 (N,)."""
    return predictions.probabilities.max(1)


def compute_margins(predictions: TestPredictions) -> np.ndarray:
    """Return the difference of the two highest probabilities, float32 (N,) in [0, 1]."""
    second, first = np.partition(predictions.probabilities, -2, axis=1)[:, -2:].T
    return first - second


def find_misclassified(predictions: TestPredictions) -> np.ndarray:
    """Return positions of misclassified images, the most confident first, int64."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    return wrong[np.argsort(-compute_confidences(predictions)[wrong], kind="stable")]


def rank_by_uncertainty(predictions: TestPredictions) -> np.ndarray:
    """Return positions of all images, the smallest margin first, int64 (N,)."""
    return np.argsort(compute_margins(predictions), kind="stable")


def find_in_confusion_cell(predictions: TestPredictions, actual: int, predicted: int) -> np.ndarray:
    """Return positions of the images of a confusion cell, the most confident first, int64.

    Args:
        predictions: On the test images.
        actual: Index of the true class.
        predicted: Index of the predicted class.
    """
    inside = np.flatnonzero((predictions.labels == actual) & (predictions.predicted == predicted))
    return inside[np.argsort(-compute_confidences(predictions)[inside], kind="stable")]
