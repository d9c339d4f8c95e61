"""Whether a network is as sure of its answers as it is right: reliability on the test images."""

from dataclasses import dataclass

import numpy as np

from transfer_core.inspection.mistakes import confidences
from transfer_core.inspection.prediction import TestAnswers
from transfer_core.training.evaluation import wilson_interval

BINS = 10  # of equal width, as is usual


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """The test images whose stated confidence lies between two bounds."""

    images: int  # at least 1
    stated: float  # mean confidence, in [0, 1]
    right: int  # images

    @property
    def interval(self) -> tuple[float, float]:
        """Of the share that is right, 95 %."""
        return wilson_interval(self.right, self.images)


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure a network was of its answers, and how often it was right."""

    bins: tuple[ConfidenceBin, ...]  # by rising confidence; empty ones are left out
    error: float  # expected calibration error, in [0, 1]

    @property
    def images(self) -> int:
        """Test images in all."""
        return sum(each.images for each in self.bins)

    @property
    def stated(self) -> float:
        """Mean confidence, in [0, 1]."""
        return sum(each.images * each.stated for each in self.bins) / self.images

    def sentence(self) -> str:
        """What it comes to, for people; a difference within chance is called so."""
        right = sum(each.right for each in self.bins)
        low, high = wilson_interval(right, self.images)
        if self.stated > high:
            verdict = "surer than it is right: over-confident"
        elif self.stated < low:
            verdict = "less sure than it is right: under-confident"
        else:
            verdict = "no surer and no less sure than chance allows"
        return (
            f"On average it is {self.stated:.0%} sure, and right in {right / self.images:.0%} of "
            f"{self.images:,} test images (95 % interval {low:.0%} to {high:.0%}): {verdict}."
        )


def check_confidence(answers: TestAnswers) -> Confidence:
    """Compare the stated confidence with the share that is right, bin by bin.

    Source:
        The expected calibration error of Naeini et al. 2015, "Obtaining well calibrated
        probabilities using Bayesian binning", as used by Guo et al. 2017, "On calibration
        of modern neural networks": the bins' differences, weighed by their images.
    """
    stated, right = confidences(answers), answers.predicted == answers.labels
    numbers = np.minimum((stated * BINS).astype(int), BINS - 1)
    bins = tuple(
        ConfidenceBin(int(inside.sum()), float(stated[inside].mean()), int(right[inside].sum()))
        for inside in (numbers == number for number in range(BINS))
        if inside.any()
    )
    differences = [abs(each.stated * each.images - each.right) for each in bins]
    return Confidence(bins, sum(differences) / len(right))
