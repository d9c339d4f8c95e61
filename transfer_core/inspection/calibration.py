"""Calibration on the test images: whether confidence agrees with accuracy."""

from dataclasses import dataclass

import numpy as np

from transfer_core.inspection.mistakes import compute_confidences
from transfer_core.inspection.prediction import TestPredictions
from transfer_core.languages import _
from transfer_core.training import compute_wilson_interval

NUM_BINS = 10  # of equal width


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The test images whose confidence lies between two bounds."""

    images: int  # at least 1
    stated: float  # mean confidence, in [0, 1]
    correct: int  # images

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy of these images."""
        return compute_wilson_interval(self.correct, self.images)


@dataclass(frozen=True, slots=True)
class ConfidenceCalibration:
    """Confidence and accuracy of a network, in bins of confidence."""

    bins: tuple[CalibrationBin, ...]  # by rising confidence, without empty ones
    error: float  # expected calibration error, in [0, 1]

    @property
    def images(self) -> int:
        """Number of test images."""
        return sum(each.images for each in self.bins)

    @property
    def stated(self) -> float:
        """Mean confidence, in [0, 1]."""
        return sum(each.images * each.stated for each in self.bins) / self.images

    def describe(self) -> str:
        """Describe the calibration for people; a difference within chance is called so."""
        right = sum(each.correct for each in self.bins)
        low, high = compute_wilson_interval(right, self.images)
        if self.stated > high:
            verdict = _("It is surer than it is right (over-confident).")
        elif self.stated < low:
            verdict = _("It is right more often than it is sure (under-confident).")
        else:
            verdict = _("The two agree: what lies between them may be chance.")
        numbers = _(
            "On average it is {sure:.0%} sure, and {right:.0%} of {images:,} test images are right "
            "(95 % interval {low:.0%} to {high:.0%}).",
            sure=self.stated,
            right=right / self.images,
            images=self.images,
            low=low,
            high=high,
        )
        return f"{numbers} {verdict}"


def measure_calibration(predictions: TestPredictions) -> ConfidenceCalibration:
    """Compare confidence with accuracy, bin by bin.

    Source:
        The expected calibration error of Naeini et al. 2015, "Obtaining well calibrated
        probabilities using Bayesian binning", as used by Guo et al. 2017, "On calibration
        of modern neural networks": the mean difference of the bins, weighted by images.
        scikit-learn has the curve (`calibration_curve`) but not this number.
    """
    stated, correct = compute_confidences(predictions), predictions.predicted == predictions.labels
    numbers = np.minimum((stated * NUM_BINS).astype(int), NUM_BINS - 1)
    bins = tuple(
        CalibrationBin(int(inside.sum()), float(stated[inside].mean()), int(correct[inside].sum()))
        for inside in (numbers == number for number in range(NUM_BINS))
        if inside.any()
    )
    differences = [abs(each.stated * each.images - each.correct) for each in bins]
    return ConfidenceCalibration(bins, sum(differences) / len(correct))
