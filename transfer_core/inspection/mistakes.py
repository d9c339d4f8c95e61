"""Which test images are worth a look: mistakes, doubtful ones, those of a cell of the matrix."""

import numpy as np

from transfer_core.inspection.prediction import TestAnswers


def confidences(answers: TestAnswers) -> np.ndarray:
    """Probability of each image's predicted class, float32 (N,)."""
    return answers.probabilities.max(1)


def margins(answers: TestAnswers) -> np.ndarray:
    """By how much each image's likeliest class leads the second, float32 (N,) in [0, 1]."""
    second, first = np.partition(answers.probabilities, -2, axis=1)[:, -2:].T
    return first - second


def runners_up(answers: TestAnswers) -> np.ndarray:
    """The second likeliest class of each image, int64 (N,)."""
    return np.argsort(-answers.probabilities, axis=1, kind="stable")[:, 1]


def mistakes(answers: TestAnswers) -> np.ndarray:
    """Positions of the images that were taken for another class, the surest first, int64."""
    wrong = np.flatnonzero(answers.predicted != answers.labels)
    return wrong[np.argsort(-confidences(answers)[wrong], kind="stable")]


def most_uncertain(answers: TestAnswers) -> np.ndarray:
    """Positions of all images, those with the smallest margin first, int64 (N,)."""
    return np.argsort(margins(answers), kind="stable")


def in_cell(answers: TestAnswers, actual: int, predicted: int) -> np.ndarray:
    """Positions of the images of one class that were taken for another, the surest first."""
    inside = np.flatnonzero((answers.labels == actual) & (answers.predicted == predicted))
    return inside[np.argsort(-confidences(answers)[inside], kind="stable")]
