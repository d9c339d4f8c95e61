"""Fit the models of a calibration to outcomes, and judge each family without itself."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri

from benchmarks.panel.outcomes import TEST_SHARE, Outcome
from transfer_core.transferability.calibration import (
    BenchmarkResult,
    Calibration,
    LogisticModel,
    ReliabilityBin,
)
from transfer_core.transferability.estimate import estimate_from_evidence

FEATURE_SIGNS = {  # chosen on the panel; the signs are what the theory demands
    "top": {"gap": -1},
    "start": {"gain": 1, "leep": 1, "skill": -1},
    "everything": {"log_images": 1, "log_distance": 1, "energy": -1},
}
GAP_DRAWS = 9  # of the gap, so that its uncertainty is inside the fit
RIDGE = 0.001  # on standardised weights, relative to one data set
MIN_WEIGHT = 0.05  # a weight's least size, standardised, in the direction of its sign
MAX_STAKE = 0.10  # a data set's weight grows with what is at stake, up to this
BIN_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

Targets = dict[str, Callable[[Outcome], bool]]
TARGETS: Targets = {
    "top": lambda outcome: outcome.top_is_enough,
    "start": lambda outcome: outcome.pretraining_helps,
    "everything": lambda outcome: outcome.lead > 0,
}


def fit_logistic(
    outcomes: Sequence[Outcome], target: str, signs: dict[str, int] | None = None
) -> LogisticModel:
    """A logistic model of one question, regularised; every family weighs the same.

    Args:
        outcomes: To fit to.
        target: Of the question, in TARGETS.
        signs: Sign of each reading's weight by its name; None takes those chosen.
    """
    signs = FEATURE_SIGNS[target] if signs is None else signs
    families = Counter(outcome.family for outcome in outcomes)
    quantiles = ndtri((np.arange(GAP_DRAWS) + 0.5) / GAP_DRAWS)
    inputs, labels, importance = [], [], []
    for outcome in outcomes:
        readings = outcome.evidence
        for gap in readings.gap + readings.gap_standard_deviation * quantiles:
            named = outcome.named(gap)
            inputs.append([named[reading] for reading in signs])
            labels.append(TARGETS[target](outcome))
            # The line is only to lose little; the two probabilities are to be true.
            stake = min(abs(outcome.lead), MAX_STAKE) if target == "everything" else 1
            importance.append(stake / families[outcome.family])
    inputs, labels = np.array(inputs), np.array(labels)
    importance = np.array(importance) / np.sum(importance)
    mean, deviation = inputs.mean(0), inputs.std(0) + 1e-9
    standard = (inputs - mean) / deviation

    def loss(values):
        score = values[0] + standard @ values[1:]
        error = np.logaddexp(0, np.where(labels, -score, score))
        return importance @ error + RIDGE * (values[1:] ** 2).sum()

    bounds = [(MIN_WEIGHT, None) if sign > 0 else (None, -MIN_WEIGHT) for sign in signs.values()]
    start = np.array([0.0, *(MIN_WEIGHT * sign for sign in signs.values())])
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(None, None), *bounds]).x
    weights = found[1:] / deviation
    return LogisticModel(
        float(found[0] - weights @ mean), dict(zip(signs, map(float, weights), strict=True))
    )


def calibrate(
    outcomes: Sequence[Outcome], predictions: Sequence[tuple[float, bool]] = ()
) -> Calibration:
    """A calibration fitted to outcomes.

    Args:
        outcomes: To fit to.
        predictions: Held-out statements, for its record: probability of "similar", and whether so.
    """
    distances = [outcome.evidence.distance for outcome in outcomes]
    return Calibration(
        **{name: fit_logistic(outcomes, name) for name in TARGETS},
        nearest=min(distances),
        furthest=max(distances),
        families=len({o.family for o in outcomes}),
        measured=average_outcomes(outcomes),
        reliability=tuple(bin_reliability(predictions)),
    )


def average_outcomes(outcomes: Sequence[Outcome]) -> tuple[BenchmarkResult, ...]:
    """Each image set and size, means over the seeds."""
    groups = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.pool, outcome.images].append(outcome)
    return tuple(
        BenchmarkResult(
            name,
            round(images / (1 - TEST_SHARE)),
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


def hold_out_families(outcomes: Sequence[Outcome]) -> list[tuple[Outcome, Calibration]]:
    """Each outcome with a calibration that was fitted without its family."""
    families = {outcome.family for outcome in outcomes}
    without = {
        family: calibrate([o for o in outcomes if o.family != family]) for family in families
    }
    return [(outcome, without[outcome.family]) for outcome in outcomes]


def predict_held_out(outcomes: Sequence[Outcome], source) -> dict[str, list[tuple[float, bool]]]:
    """For both questions the probability stated with the family held out, and the truth."""
    told = {"top": [], "start": []}
    for outcome, calibration in hold_out_families(outcomes):
        estimate = estimate_from_evidence(outcome.evidence, source, calibration)
        for name, pairs in told.items():
            pairs.append((getattr(estimate, name).probability, TARGETS[name](outcome)))
    return told


def bin_reliability(predictions: Sequence[tuple[float, bool]]) -> list[ReliabilityBin]:
    """Statements in bins of their probability; empty bins are left out."""
    bins = []
    for low, high in pairwise(BIN_EDGES):
        inside = [(p, so) for p, so in predictions if low <= p < high or p == high == 1]
        if inside:
            stated, similar = float(np.mean([p for p, _ in inside])), sum(so for _, so in inside)
            bins.append(ReliabilityBin(low, high, stated, similar, len(inside)))
    return bins
