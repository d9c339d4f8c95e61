"""Forecast the accuracy of an option that is trained, from what was measured on frozen ones."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.special import expit, logit

from transfer_core.transferability.accuracy_interval import Z_80, AccuracyInterval, shrink
from transfer_core.transferability.evidence import TransferabilityEvidence, log_distance


@dataclass(frozen=True, slots=True)
class ForecastModel:
    """Logit of an option's accuracy = intercept + sum of weight * predictor, and its error."""

    intercept: float
    weights: dict[str, float]  # by the name of the predictor, see `list_forecast_predictors`
    error: float  # standard deviation of the logit around it, without that of the test images

    def forecast(self, predictors: Mapping[str, float], test_images: float) -> AccuracyInterval:
        """Return the accuracy that a run is expected to have, with its 80 % interval.

        Args:
            predictors: From `list_forecast_predictors`.
            test_images: Number of independent images that the run is tested on.
        """
        centre = self.intercept + sum(w * predictors[name] for name, w in self.weights.items())
        accuracy = float(expit(centre))
        error = math.hypot(self.error, compute_test_error(accuracy, test_images))
        low, high = expit([centre - Z_80 * error, centre + Z_80 * error])
        return AccuracyInterval(accuracy, float(low), float(high))

    def fix(self, name: str, value: float) -> Self:
        """Return the model with a predictor held at a value, so that it is read no more."""
        weights = {other: w for other, w in self.weights.items() if other != name}
        return replace(
            self,
            intercept=self.intercept + self.weights.get(name, 0.0) * value,
            weights=weights,
        )


def compute_test_error(accuracy: float, test_images: float) -> float:
    """Return the standard error of the logit of a measured accuracy on so many images."""
    expected = shrink(accuracy, test_images)
    return 1 / math.sqrt((test_images + 1) * expected * (1 - expected))


def list_forecast_predictors(
    evidence: TransferabilityEvidence, images: int, best: float
) -> dict[str, float]:
    """Return the inputs of forecast models by name; without batch norm no "log_distance".

    Args:
        evidence: Measurements on the images.
        images: Images to learn from: training and validation.
        best: Accuracy that the best new layer is expected to have; "best" is its logit.
    """
    known = evidence.distance
    distance = {} if known is None else {"log_distance": log_distance(known)}
    return distance | {
        "best": float(logit(shrink(best, evidence.independent_images))),
        "log_per_class": float(np.log(images / evidence.classes)),
        "log_classes": float(np.log(evidence.classes)),
        "log_images": float(np.log(images)),
    }
