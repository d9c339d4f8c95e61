"""Fit the models of a calibration to outcomes, and judge each family without itself."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri

from benchmarks.panel.outcomes import TEST_SHARE, Outcome
from transfer_core.networks.calibration import Calibration, Logistic, Measured, Reliability
from transfer_core.transferability.estimate import judge

READS = {  # chosen on the panel; the signs are what the theory demands
    "top": {"gap": -1},
    "start": {"gain": 1, "share": 1, "skill": -1},
    "everything": {"log_images": 1, "log_distance": 1, "energy": -1},
}
DRAWS = 9  # of the gap, so that its uncertainty is inside the fit
RIDGE = 0.001  # on standardised weights, relative to one data set
LEAST = 0.05  # a weight's least size, standardised, in the direction of its sign
MOST_POINTS = 0.10  # a data set's weight grows with what is at stake, up to this
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

Targets = dict[str, Callable[[Outcome], bool]]
TARGETS: Targets = {
    "top": lambda outcome: outcome.top_is_enough,
    "start": lambda outcome: outcome.start_pays,
    "everything": lambda outcome: outcome.lead > 0,
}


def fit(outcomes: Sequence[Outcome], name: str, reads: dict[str, int] | None = None) -> Logistic:
    """A logistic model of one question, regularised; every family weighs the same.

    Args:
        outcomes: To fit to.
        name: Of the question, in TARGETS.
        reads: Sign of each reading's weight by its name; None takes those chosen.
    """
    reads = READS[name] if reads is None else reads
    families = Counter(outcome.family for outcome in outcomes)
    quantiles = ndtri((np.arange(DRAWS) + 0.5) / DRAWS)
    inputs, labels, importance = [], [], []
    for outcome in outcomes:
        readings = outcome.readings
        for gap in readings.gap + readings.gap_spread * quantiles:
            named = outcome.named(gap)
            inputs.append([named[reading] for reading in reads])
            labels.append(TARGETS[name](outcome))
            # The line is only to lose little; the two probabilities are to be true.
            stake = min(abs(outcome.lead), MOST_POINTS) if name == "everything" else 1
            importance.append(stake / families[outcome.family])
    inputs, labels = np.array(inputs), np.array(labels)
    importance = np.array(importance) / np.sum(importance)
    mean, deviation = inputs.mean(0), inputs.std(0) + 1e-9
    standard = (inputs - mean) / deviation

    def loss(values):
        score = values[0] + standard @ values[1:]
        error = np.logaddexp(0, np.where(labels, -score, score))
        return importance @ error + RIDGE * (values[1:] ** 2).sum()

    bounds = [(LEAST, None) if sign > 0 else (None, -LEAST) for sign in reads.values()]
    start = np.array([0.0, *(LEAST * sign for sign in reads.values())])
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(None, None), *bounds]).x
    weights = found[1:] / deviation
    return Logistic(
        float(found[0] - weights @ mean), dict(zip(reads, map(float, weights), strict=True))
    )


def calibrate(outcomes: Sequence[Outcome], told: Sequence[tuple[float, bool]] = ()) -> Calibration:
    """A calibration fitted to outcomes.

    Args:
        outcomes: To fit to.
        told: Held-out statements, for its record: probability of "similar", and whether so.
    """
    distances = [outcome.readings.distance for outcome in outcomes]
    return Calibration(
        **{name: fit(outcomes, name) for name in TARGETS},
        nearest=min(distances), furthest=max(distances),
        families=len({o.family for o in outcomes}), measured=measured(outcomes),
        reliability=tuple(reliability(told)),
    )  # fmt: skip


def measured(outcomes: Sequence[Outcome]) -> tuple[Measured, ...]:
    """Each image set and size, means over the seeds."""
    groups = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.pool, outcome.images].append(outcome)
    return tuple(
        Measured(
            name, round(images / (1 - TEST_SHARE)), _mean(o.readings.distance for o in group),
            **{
                case: _mean(getattr(o, case) for o in group)
                for case in ("top", "cut", "tuned", "random")
            },
        )
        for (name, images), group in sorted(groups.items())
    )  # fmt: skip


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)


def held_out(outcomes: Sequence[Outcome]) -> list[tuple[Outcome, Calibration]]:
    """Each outcome with a calibration that was fitted without its family."""
    families = {outcome.family for outcome in outcomes}
    without = {
        family: calibrate([o for o in outcomes if o.family != family]) for family in families
    }
    return [(outcome, without[outcome.family]) for outcome in outcomes]


def statements(outcomes: Sequence[Outcome], source) -> dict[str, list[tuple[float, bool]]]:
    """For both questions the probability stated with the family held out, and the truth."""
    told = {"top": [], "start": []}
    for outcome, calibration in held_out(outcomes):
        estimate = judge(outcome.readings, source, calibration)
        for name, pairs in told.items():
            pairs.append((getattr(estimate, name).probability, TARGETS[name](outcome)))
    return told


def reliability(told: Sequence[tuple[float, bool]]) -> list[Reliability]:
    """Statements in bins of their probability; empty bins are left out."""
    bins = []
    for low, high in pairwise(BINS):
        inside = [(p, so) for p, so in told if low <= p < high or p == high == 1]
        if inside:
            stated, similar = float(np.mean([p for p, _ in inside])), sum(so for _, so in inside)
            bins.append(Reliability(low, high, stated, similar, len(inside)))
    return bins
