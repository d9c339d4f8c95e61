"""Intervals of the accuracy that a run will have on its test images, never of zero width."""

import math
from dataclasses import dataclass

import numpy as np

Z_80 = 1.2816  # standard normal quantile: 80 % lie within so many standard deviations


@dataclass(frozen=True, slots=True)
class AccuracyInterval:
    """An accuracy that is expected, and the 80 % interval around it, in [0, 1]."""

    accuracy: float
    low: float
    high: float


def predict_run_accuracy(
    accuracy: float, images: float, test_images: float, widening: float = 1.0
) -> AccuracyInterval:
    """Return the interval of a run's test accuracy, from a cross-validated accuracy.

    Both vary: the accuracy was measured on few images, and so will be that of the run.

    Args:
        accuracy: Share of the images that were right in cross-validation, in [0, 1].
        images: Number of independent images in it: near-duplicates count once.
        test_images: Number of independent images that the run is tested on.
        widening: Factor on the width, from the calibration.

    Source:
        Wilson 1927 for one proportion, here with the variance of a second one added.
    """
    weight = Z_80**2 * (1 / images + 1 / test_images)
    centre = (accuracy + weight / 2) / (1 + weight)
    spread = accuracy * (1 - accuracy) * weight + weight**2 / 4
    margin = widening * math.sqrt(spread) / (1 + weight)
    low, high = np.clip((centre - margin, centre + margin), 0, 1)
    return AccuracyInterval(accuracy, float(min(low, accuracy)), float(max(high, accuracy)))


def shrink(accuracy: float, images: float) -> float:
    """Return an accuracy as if half an image more were right and half an image more wrong."""
    return (accuracy * images + 0.5) / (images + 1)
