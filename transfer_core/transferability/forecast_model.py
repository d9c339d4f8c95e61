"""Forecast the accuracy of options that are trained, from what was measured on frozen ones."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtri

INTERVAL_SHARE = 0.8  # of the results that lie inside an interval
CARRIED_OVER_WIDENING = 1.5  # of intervals, for a network whose relative was measured


@dataclass(frozen=True, slots=True)
class ForecastModel:
    """Logit of an accuracy = intercept + sum of weight * predictor, and how far off that is."""

    intercept: float
    weights: dict[str, float]  # by the name of the predictor
    error: float  # standard deviation of the residuals

    def forecast(
        self, predictors: dict[str, float], widening: float = 1.0
    ) -> tuple[float, float, float]:
        """Return the expected accuracy, and both ends of its 80 % interval."""
        centre = self.intercept + sum(w * predictors[name] for name, w in self.weights.items())
        margin = float(ndtri((1 + INTERVAL_SHARE) / 2)) * self.error * widening
        return tuple(
            float(np.clip(expit(x), 0, 1)) for x in (centre, centre - margin, centre + margin)
        )


# Until the panel has measured them.
STAND_INS = {
    "3": ForecastModel(0.1, {"best": 1.0}, 0.5),
    "4-random": ForecastModel(-0.5, {"best": 0.8}, 0.9),
    "last-stages": ForecastModel(0.05, {"best": 1.0}, 0.4),
    "first-stages": ForecastModel(0.05, {"best": 1.0}, 0.4),
}
