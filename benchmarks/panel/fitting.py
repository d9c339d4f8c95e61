"""Fit the models of a calibration to the panel; judge every family by models fitted without it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from transfer_core.transferability import (
    Z_80,
    AccuracyPrior,
    ForecastModel,
    LogisticModel,
    ReliabilityBin,
    compute_test_error,
    shrink,
)

Model = TypeVar("Model")
CONTROLS = {"noise", "shuffled labels", "source photos"}
SIMILARITY_PREDICTORS = ("gap", "leep", "skill")
FORECAST_PREDICTORS = {  # chosen on the panel, by the error on families held out
    "3": ("best", "log_images", "log_distance"),
    "4-random": ("best", "log_per_class", "log_classes"),
}
MIN_DIFFERENCE = 0.01  # accuracies that differ by no more count as equal
RIDGE = 0.6  # accuracy for a weight of 1 more; pulls a forecast towards the best measured accuracy
OUTLIER = 0.05  # error of an accuracy; larger ones pull with their first power, not their square
MIN_ERROR = 0.1  # of a forecast's logit
BIN_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Outcome:
    """One data set: what was measured before a training, and what trainings then reached."""

    row: dict  # from `frozen.measure_frozen`
    expected: dict[str, float]  # accuracy of each new layer, by the prior of the other families
    trained: dict[str, float]  # test accuracy by option key, as far as trained
    tested: dict[str, int]  # test images of each

    @property
    def family(self) -> str:
        """Held out as a whole when a model is judged."""
        return self.row["family"]

    @property
    def best_frozen(self) -> float:
        """Test accuracy of the best new layer."""
        return max(self.row["test"].values())

    def is_similar(self, early: Sequence[str]) -> bool | None:
        """Whether the higher-level features carry over; None if random weights were not tried."""
        if "4-random" not in self.trained:
            return None
        *stages, _ = self.row["test"]
        top = self.row["test"][stages[-1]]
        carries_over = max(self.row["test"][name] for name in early) - top <= MIN_DIFFERENCE
        return carries_over and self.best_frozen - self.trained["4-random"] > MIN_DIFFERENCE


def load_outcomes(folder: Path, random_from: Path) -> list[Outcome]:
    """Read the data sets of a network.

    Args:
        folder: Of the network's lines.
        random_from: Lines of the demonstration network from random weights, of an earlier loop;
            each data set takes those of its pool with the nearest number of images.
    """
    trained: dict[tuple, dict[str, dict]] = {}
    for row in _read(folder / "trained.jsonl"):
        if row["settings"] in ("", "{}"):
            trained.setdefault(_get_key(row), {})[row["option"]] = row
    random: dict[str, list[dict]] = {}
    for row in _read(random_from):
        random.setdefault(row["pool"], []).append(row)
    outcomes = []
    for row in _read(folder / "frozen.jsonl"):
        if row["pool"] in CONTROLS:
            continue
        known = trained.get(_get_key(row), {})
        accuracies = {key: each["test"] for key, each in known.items() if key != "1"}
        tested = {key: each["test_images"] for key, each in known.items()}
        if earlier := random.get(row["pool"]):
            near = min(earlier, key=lambda each: abs(np.log(each["images"] / row["images"])))
            same = [each for each in earlier if each["images"] == near["images"]]
            accuracies.setdefault("4-random", float(np.mean([each["random"] for each in same])))
            tested.setdefault("4-random", sum(each["test_images"] for each in same))
        outcomes.append(Outcome(row, {}, accuracies, tested))
    priors = hold_out(outcomes, fit_prior)
    return [_expect(each, prior) for each, prior in zip(outcomes, priors, strict=True)]


def _expect(outcome: Outcome, prior: AccuracyPrior) -> Outcome:
    row = outcome.row
    expected = prior.expect(row["cross_validated"], row["independent_images"])
    best = float(logit(shrink(max(expected.values()), row["independent_images"])))
    row = row | {"predictors": row["predictors"] | {"best": best}}
    return replace(outcome, row=row, expected=expected)


def fit_prior(outcomes: Sequence[Outcome]) -> AccuracyPrior:
    """Measure how the new layers differ, in the accuracies of tests."""
    names, weights = list(outcomes[0].row["test"]), weigh_families(outcomes)
    tests = np.array([[each.row["test"][name] for name in names] for each in outcomes])
    offsets = tests - tests.mean(1, keepdims=True)
    usual = np.average(offsets, axis=0, weights=weights)
    squares = np.average(np.square(offsets - usual), axis=0, weights=weights)
    return AccuracyPrior(
        dict(zip(names, map(float, usual), strict=True)),
        float(squares.sum() / (len(names) - 1)),  # their mean is 0: one degree of freedom less
    )


def _read(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _get_key(row: dict) -> tuple:
    return row["pool"], row["per_class"], row["seed"]


def weigh_families(outcomes: Sequence[Outcome]) -> np.ndarray:
    """Return a weight for each data set, so that every family weighs the same; their mean is 1."""
    families = [outcome.family for outcome in outcomes]
    weights = np.array([1 / families.count(family) for family in families])
    return weights / weights.mean()


def hold_out(outcomes: Sequence[Outcome], fit: Callable[[list[Outcome]], Model]) -> list[Model]:
    """Return for each data set the model fitted without its family."""
    without = {
        family: fit([each for each in outcomes if each.family != family])
        for family in {outcome.family for outcome in outcomes}
    }
    return [without[outcome.family] for outcome in outcomes]


def fit_similarity(outcomes: Sequence[Outcome], early: Sequence[str]) -> LogisticModel:
    """Fit the probability that the higher-level features carry over."""
    inputs = _collect(outcomes, SIMILARITY_PREDICTORS)
    similar = np.array([outcome.is_similar(early) for outcome in outcomes])
    mean, deviation = inputs.mean(0), inputs.std(0) + 1e-9
    fitted = LogisticRegression(C=1.0).fit(
        (inputs - mean) / deviation, similar, sample_weight=weigh_families(outcomes)
    )
    weights = fitted.coef_[0] / deviation
    return LogisticModel(
        float(fitted.intercept_[0] - weights @ mean),
        dict(zip(SIMILARITY_PREDICTORS, map(float, weights), strict=True)),
    )


def fit_forecast(outcomes: Sequence[Outcome], option: str) -> ForecastModel:
    """Fit an option's accuracy; the error is such that 80 % of the families held out lie inside."""

    def fit(known: Sequence[Outcome]) -> ForecastModel:
        return _fit_forecast_once(known, option)

    held_out = hold_out(outcomes, fit)
    residuals = [
        abs(compute_residual(outcome, model, option))
        for outcome, model in zip(outcomes, held_out, strict=True)
    ]
    model = fit(outcomes)
    error = max(MIN_ERROR, float(np.quantile(residuals, 0.8)) / Z_80)
    return ForecastModel(model.intercept, model.weights, error)


def _fit_forecast_once(outcomes: Sequence[Outcome], option: str) -> ForecastModel:
    """Fit the accuracy itself, for a logit near 1 would count for too much; few outliers decide."""
    names = FORECAST_PREDICTORS[option]
    inputs = np.c_[np.ones(len(outcomes)), _collect(outcomes, names)]
    reached = np.array([each.trained[option] for each in outcomes])
    importance, prior = np.sqrt(weigh_families(outcomes)), np.zeros(inputs.shape[1])
    prior[1] = 1.0  # of "best"

    def list_errors(weights: np.ndarray) -> np.ndarray:
        pull = RIDGE * (weights - prior)
        return np.r_[importance * (expit(inputs @ weights) - reached), pull[1:]]

    fitted = least_squares(list_errors, prior, loss="soft_l1", f_scale=OUTLIER).x
    return ForecastModel(
        float(fitted[0]), dict(zip(names, map(float, fitted[1:]), strict=True)), MIN_ERROR
    )


def _predict(outcome: Outcome, model: ForecastModel) -> float:
    return model.forecast(outcome.row["predictors"], 1_000).accuracy


def compute_residual(outcome: Outcome, model: ForecastModel, option: str) -> float:
    """Return the logit of the accuracy that was reached, minus that of the forecast."""
    reached = shrink(outcome.trained[option], outcome.tested[option])
    return float(logit(reached) - logit(_predict(outcome, model)))


def is_inside(outcome: Outcome, model: ForecastModel, option: str) -> bool:
    """Whether the accuracy that was reached lies in the 80 % interval of the forecast."""
    noise = compute_test_error(_predict(outcome, model), outcome.tested[option])
    return abs(compute_residual(outcome, model, option)) <= Z_80 * np.hypot(model.error, noise)


def bin_reliability(probabilities: np.ndarray, similar: np.ndarray) -> tuple[ReliabilityBin, ...]:
    """Sort probabilities into bins; empty bins are left out."""
    bins = []
    for low, high in pairwise(BIN_EDGES):
        inside = (probabilities >= low) & ((probabilities < high) | (high == 1))
        if inside.any():
            stated, true = float(probabilities[inside].mean()), int(similar[inside].sum())
            bins.append(ReliabilityBin(low, high, round(stated, 4), true, int(inside.sum())))
    return tuple(bins)


def estimate_crossover(outcomes: Sequence[Outcome]) -> tuple[float | None, list[tuple]]:
    """Find from how many images per class training everything beats the best frozen layer.

    Returns:
        The images per class at which the mean difference crosses 0, on a line through the two
        sizes around it; None if it does not. And for each size: images per class, number of data
        sets, mean difference in points, its standard error, share of data sets that it won.
    """
    table = []
    for per_class in sorted({round(count_per_class(o)) for o in outcomes}):
        gains = [
            100 * (o.trained["3"] - o.best_frozen)
            for o in outcomes
            if round(count_per_class(o)) == per_class
        ]
        error = np.std(gains) / max(1, len(gains)) ** 0.5
        table.append((per_class, len(gains), np.mean(gains), error, np.mean(np.array(gains) > 0)))
    for (small, _, below, *_), (large, _, above, *_) in pairwise(table):
        if below <= 0 < above:
            share = -below / (above - below)
            return float(small ** (1 - share) * large**share), table
    return None, table


def count_per_class(outcome: Outcome) -> float:
    """Images per class to learn from."""
    return outcome.row["images"] / outcome.row["classes"]


def _collect(outcomes: Sequence[Outcome], names: Sequence[str]) -> np.ndarray:
    return np.array([[each.row["predictors"][name] for name in names] for each in outcomes])


def compute_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Mean distance of stated from true share over the bins, weighted by their counts."""
    total = sum(each.count for each in bins)
    return sum(abs(each.stated * each.count - each.similar) for each in bins) / total


def predict_probabilities(
    outcomes: Sequence[Outcome], models: Sequence[LogisticModel]
) -> np.ndarray:
    """Return the probability of "similar" of each data set by its model, in [0.05, 0.95]."""
    values = [
        model.compute_probability(outcome.row["predictors"])
        for outcome, model in zip(outcomes, models, strict=True)
    ]
    return np.clip(values, 0.05, 0.95)
