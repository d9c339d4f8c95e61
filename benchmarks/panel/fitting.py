"""Fit the models of a calibration to outcomes, and predict each family without itself."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize

from benchmarks.panel.outcomes import Outcome
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import (
    BOOTSTRAP_SAMPLES,
    Basis,
    BenchmarkResult,
    Calibration,
    LogisticModel,
    ReliabilityBin,
    compute_fine_tuning_gain,
    estimate_from_evidence,
)

FEATURE_SIGNS = {  # predictors chosen on the panel, with the sign that theory demands
    "top": {"gap": -1},
    "start": {"gain": 1, "leep": 1, "skill": -1},
    "everything": {"log_images": 1, "log_distance": 1, "energy": -1},
}
FROZEN_SIGNS = {"gap": -1, "leep": 1}  # of "top", chosen on the panel of EfficientNet-Lite0
DRAWS = 20  # per data set, so that the fit sees how uncertain the predictors are
RIDGE = 0.001  # on standardised weights, relative to one data set
MIN_WEIGHT = 0.05  # least size of a standardised weight, in the direction of its sign
MAX_STAKE = 0.10  # accuracy; the weight of a data set grows with what is at stake, up to this
BIN_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

Fit = Callable[[Sequence[Outcome]], Calibration]
Targets = dict[str, Callable[[Outcome], bool]]
TARGETS: Targets = {
    "top": lambda outcome: outcome.top_is_enough,
    "start": lambda outcome: outcome.pretraining_helps,
    "everything": lambda outcome: compute_fine_tuning_gain(outcome) > 0,
}


def fit_logistic(
    outcomes: Sequence[Outcome], target: str, signs: dict[str, int] | None = None
) -> LogisticModel:
    """Fit a regularised logistic model of one question; every family weighs the same.

    Args:
        outcomes: To fit to.
        target: The question, a key of TARGETS.
        signs: Sign of each predictor's weight by its name; None takes FEATURE_SIGNS.
    """
    signs = FEATURE_SIGNS[target] if signs is None else signs
    families = Counter(outcome.family for outcome in outcomes)
    inputs = np.concatenate([_draw_inputs(outcome, tuple(signs)) for outcome in outcomes])
    labels = np.repeat([TARGETS[target](outcome) for outcome in outcomes], DRAWS)
    # The line only has to lose little accuracy; the two probabilities have to be true.
    stakes = [1.0] * len(outcomes)
    if target == "everything":
        stakes = [min(abs(compute_fine_tuning_gain(o)), MAX_STAKE) for o in outcomes]
    importance = np.repeat(
        [s / families[o.family] for s, o in zip(stakes, outcomes, strict=True)], DRAWS
    )
    importance = importance / importance.sum()
    mean, deviation = inputs.mean(0), inputs.std(0) + 1e-9
    standard = (inputs - mean) / deviation

    def loss(values):
        score = values[0] + standard @ values[1:]
        error = np.logaddexp(0, np.where(labels, -score, score))
        return importance @ error + RIDGE * (values[1:] ** 2).sum()

    bounds = [(MIN_WEIGHT, None) if sign > 0 else (None, -MIN_WEIGHT) for sign in signs.values()]
    start = np.array([0.0, *(MIN_WEIGHT * sign for sign in signs.values())])
    fitted = minimize(loss, start, method="L-BFGS-B", bounds=[(None, None), *bounds]).x
    weights = fitted[1:] / deviation
    return LogisticModel(
        float(fitted[0] - weights @ mean), dict(zip(signs, map(float, weights), strict=True))
    )


def _draw_inputs(outcome: Outcome, names: tuple[str, ...]) -> np.ndarray:
    """Predictors of one data set at evenly spaced bootstrap draws, (DRAWS, predictors)."""
    predictors = outcome.sample_predictors()
    draws = np.stack([np.broadcast_to(predictors[n], BOOTSTRAP_SAMPLES) for n in names], 1)
    return draws[:: BOOTSTRAP_SAMPLES // DRAWS]


def calibrate(
    outcomes: Sequence[Outcome], predictions: Sequence[tuple[float, bool]] = ()
) -> Calibration:
    """Fit a calibration to outcomes.

    Args:
        outcomes: To fit to.
        predictions: Held-out probabilities of "similar", each with the truth, for its record.
    """
    distances = [outcome.evidence.distance for outcome in outcomes]
    return Calibration(
        similarity=fit_logistic(outcomes, "top"),
        forecasts={},
        nearest=min(distances),
        furthest=max(distances),
        families=len({o.family for o in outcomes}),
        image_sets=count_image_sets(outcomes),
        measured=average_outcomes(outcomes),
        reliability=tuple(bin_reliability(predictions)),
        basis=dict.fromkeys(("similarity", "forecasts"), Basis("measured")),
    )


def count_image_sets(outcomes: Sequence[Outcome]) -> int:
    """Return the number of pools, each size counted."""
    return len({(outcome.pool, outcome.images) for outcome in outcomes})


def average_outcomes(outcomes: Sequence[Outcome]) -> tuple[BenchmarkResult, ...]:
    """Return the mean over the seeds of each image set and size."""
    groups = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.pool, outcome.images].append(outcome)
    return tuple(
        BenchmarkResult(
            name,
            images,
            _round_mean(o.evidence.distance for o in group),
            **{
                case: _round_mean(getattr(o, case) for o in group)
                for case in ("top", "cut", "tuned", "random")
            },
        )
        for (name, images), group in sorted(groups.items())
    )


def _round_mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)


def hold_out_families(
    outcomes: Sequence[Outcome], fit: Fit = calibrate
) -> list[tuple[Outcome, Calibration]]:
    """Return each outcome with a calibration that was fitted without its family."""
    families = {outcome.family for outcome in outcomes}
    without = {family: fit([o for o in outcomes if o.family != family]) for family in families}
    return [(outcome, without[outcome.family]) for outcome in outcomes]


def predict_held_out(
    outcomes: Sequence[Outcome],
    source: SourceNetwork,
    questions: Sequence[str] = ("top", "start"),
    fit: Fit = calibrate,
) -> dict[str, list[tuple[float, bool]]]:
    """Return held-out probabilities of "similar" by question, each with the truth."""
    predictions = {name: [] for name in questions}
    for outcome, calibration in hold_out_families(outcomes, fit):
        estimate = estimate_from_evidence(outcome.evidence, source, calibration)
        for name, pairs in predictions.items():
            pairs.append((getattr(estimate, name).probability, TARGETS[name](outcome)))
    return predictions


def bin_reliability(predictions: Sequence[tuple[float, bool]]) -> list[ReliabilityBin]:
    """Sort predictions into bins of their probability; empty bins are left out."""
    bins = []
    for low, high in pairwise(BIN_EDGES):
        inside = [(p, so) for p, so in predictions if low <= p < high or p == high == 1]
        if inside:
            stated, similar = float(np.mean([p for p, _ in inside])), sum(so for _, so in inside)
            bins.append(ReliabilityBin(low, high, stated, similar, len(inside)))
    return bins
