"""The criteria that advice must meet, measured with every family held out once."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.panel.fitting import TARGETS, Fit, calibrate, hold_out_families
from benchmarks.panel.outcomes import MIN_DIFFERENCE, Outcome
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import (
    DECISION_THRESHOLD,
    SimilarityEstimate,
    estimate_from_evidence,
)

MIN_IMAGES = 250  # the criteria hold from so many images
STABILITY = "8. same case for a new sample in at least 90 % when stated"
Policy = Callable[[Outcome], float]
Criterion = tuple[str, str, str]  # what is required, row of the diagram, what was measured
ROW_POLICIES: dict[str, tuple[Policy, Policy]] = {  # per row of the diagram: similar, different
    "top": (lambda o: o.top, lambda o: o.cut),
    "start": (lambda o: o.tuned, lambda o: o.tuned),  # case 4 is advised from pre-trained weights
}
CONSTANT_POLICIES: dict[str, dict[str, Policy]] = {
    "top": {"always the top": lambda o: o.top, "always an early cut": lambda o: o.cut},
    "start": {
        "always pre-trained": lambda o: o.tuned,
        "always random": lambda o: o.random,
    },
}

CASE_POLICIES: dict[str, Policy] = {
    "always case 1": lambda o: o.top,
    "always case 2": lambda o: o.cut,
    "always case 3": lambda o: o.tuned,
    "always case 4 from random weights": lambda o: o.random,
}


@dataclass(frozen=True)
class JudgedOutcome:
    """An outcome and the estimate made with its family held out."""

    outcome: Outcome
    estimate: SimilarityEstimate

    def similar(self, row: str) -> bool:
        """Return whether the advice in a row of the diagram is its similar column."""
        return getattr(self.estimate, row).probability >= 0.5

    def regret(self, row: str) -> float:
        """Return the accuracy that the advice loses against the best of a row."""
        similar, different = ROW_POLICIES[row]
        return self.regret_of(row, similar if self.similar(row) else different)

    def regret_of(self, row: str, policy: Policy) -> float:
        """Return the accuracy that a policy loses against the best of a row."""
        best = max(accuracy(self.outcome) for accuracy in CONSTANT_POLICIES[row].values())
        return best - policy(self.outcome)

    @property
    def advised(self) -> float:
        """Accuracy of the advised case."""
        if self.outcome.images >= self.estimate.line:
            return self.outcome.tuned  # case 3, and case 4 as it is advised
        return self.outcome.top if self.similar("top") else self.outcome.cut


Regret = Callable[[JudgedOutcome], float]


def judge_outcomes(
    outcomes: Sequence[Outcome], source: SourceNetwork, fit: Fit = calibrate
) -> list[JudgedOutcome]:
    """Judge every outcome by models fitted without its family."""
    return [
        JudgedOutcome(outcome, estimate_from_evidence(outcome.evidence, source, calibration))
        for outcome, calibration in hold_out_families(outcomes, fit)
    ]


def tabulate_criteria(all_judged: Sequence[JudgedOutcome]) -> list[Criterion]:
    """Return the criteria: what is required, for which row, what was measured."""
    large = [j for j in all_judged if j.outcome.images >= MIN_IMAGES]
    hundred = [j for j in all_judged if j.outcome.images <= 100]
    sizes = {"all sizes": all_judged, f"{MIN_IMAGES} images and more": large}
    seconds = np.quantile([j.outcome.seconds for j in all_judged], 0.95)
    return [
        *(line for row in CONSTANT_POLICIES for line in _tabulate_row(row, large, hundred)),
        _score_cuts(large),
        (STABILITY, "both", _measure_stability(large, tuple(CONSTANT_POLICIES))),
        ("9. readings in at most 20 s (95th percentile)", "", f"{seconds:.1f} s"),
        *_compare_with_cases(large),
        *(_score_advice(name, group) for name, group in sizes.items()),
    ]


def tabulate_frozen_criteria(all_judged: Sequence[JudgedOutcome]) -> list[Criterion]:
    """Return the criteria of a network of which only the frozen cases were measured.

    `tuned` is the accuracy of another network that was trained as a whole, where there is one.
    """
    large = [j for j in all_judged if j.outcome.images >= MIN_IMAGES]
    hundred = [j for j in all_judged if j.outcome.images <= 100]
    return [
        *_tabulate_row("top", large, hundred),
        _score_cuts(large),
        (STABILITY, "top", _measure_stability(large, ("top",))),
        *_score_rule_of_thumb([j for j in all_judged if j.outcome.tuned is not None]),
    ]


def _score_rule_of_thumb(group: Sequence[JudgedOutcome]) -> Iterator[Criterion]:
    """Compare the line with where another, small network won when trained as a whole."""
    gains = np.array([100 * (j.outcome.tuned - max(j.outcome.top, j.outcome.cut)) for j in group])
    large = np.array([j.outcome.images >= j.estimate.line for j in group])
    won = "sets on which the demonstration network, trained as a whole, beat the frozen features"
    yield f"{won} of this one", "line", _format_share(gains > 0)
    lost = np.where(large, np.maximum(-gains, 0), np.maximum(gains, 0)).mean()
    trained = np.maximum(-gains, 0).mean()
    yield (
        "mean regret beside it of the line, a rule of thumb",
        "line",
        f"{lost:.2f}; of always training the small network {trained:.2f}; sets above the line: "
        f"{large.sum()}",
    )


def _tabulate_row(
    row: str, large: Sequence[JudgedOutcome], hundred: Sequence[JudgedOutcome]
) -> Iterator[Criterion]:
    """The criteria of one row of the diagram."""
    regrets = np.array([100 * j.regret(row) for j in large])
    yield (
        "1. mean regret at most 1.5 points, 90th percentile at most 5",
        row,
        f"{regrets.mean():.2f}, {np.quantile(regrets, 0.9):.2f} ({len(large)} data sets)",
    )
    yield from _compare_with_constants(large, row)
    near = _format_share(regrets <= 100 * MIN_DIFFERENCE + 1e-9)
    yield "3. within 1 point of the better in at least 80 %", row, near
    yield from _score_answers(large, row)
    yield from _score_probabilities(large, row)
    if hundred:
        regret = np.mean([100 * j.regret(row) for j in hundred])
        unsure = [getattr(j.estimate, row).answer == "can't tell" for j in hundred]
        required = "at 100 images: mean regret at most 2.5, can't tell at least 50 %"
        yield required, row, f"{regret:.2f}, {_format_share(unsure)}"


def _score_cuts(group: Sequence[JudgedOutcome]) -> Criterion:
    lost = np.array([100 * (_find_best_cut_accuracy(j.outcome) - j.outcome.cut) for j in group])
    required = "6. cut within 2 points of the best in at least 80 %, mean at most 1"
    return required, "cut", f"{_format_share(lost <= 2)}, {lost.mean():.2f}"


def _score_advice(name: str, group: Sequence[JudgedOutcome]) -> Criterion:
    near = [j.outcome.best - j.advised <= MIN_DIFFERENCE + 1e-9 for j in group]
    loss = 100 * np.mean([j.outcome.best - j.advised for j in group])
    required = f"advised case best of all or within 1 point in at least 85 %, {name}"
    return required, "all four", f"{_format_share(near)}, mean regret {loss:.2f}"


def _find_best_cut_accuracy(outcome: Outcome) -> float:
    early = [stage.stage for stage in outcome.evidence.stages[: outcome.evidence.early]]
    return max(outcome.cuts[name] for name in early)


def _compare_with_constants(group: Sequence[JudgedOutcome], row: str):
    """Compare each constant policy of a row of the diagram with the advice."""
    for name, policy in CONSTANT_POLICIES[row].items():
        comparison = _compare_regret(
            group, lambda j, policy=policy: j.regret_of(row, policy), lambda j: j.regret(row)
        )
        yield (
            f"2. lower regret than {name}, 95 % interval of the difference above 0",
            row,
            comparison,
        )


def _compare_with_cases(group: Sequence[JudgedOutcome]):
    """Compare each case, always taken, with the advised one."""
    for name, policy in CASE_POLICIES.items():
        comparison = _compare_regret(
            group,
            lambda j, policy=policy: j.outcome.best - policy(j.outcome),
            lambda j: j.outcome.best - j.advised,
        )
        yield (
            f"2. lower regret than {name}, 95 % interval of the difference above 0",
            "all four",
            comparison,
        )


def _compare_regret(group: Sequence[JudgedOutcome], theirs: Regret, ours: Regret) -> str:
    """Return the mean regret of a policy and an interval of its difference from ours."""
    by_family = defaultdict(list)
    for j in group:
        by_family[j.outcome.family].append(100 * (theirs(j) - ours(j)))
    low, high = _bootstrap_interval([np.array(gains) for gains in by_family.values()])
    mean = np.mean([100 * theirs(j) for j in group])
    return f"it has {mean:.2f}; difference {low:+.2f} to {high:+.2f}"


def _bootstrap_interval(families: list[np.ndarray], draws: int = 2_000) -> tuple[float, float]:
    """Return the 95 % interval of a mean, with families drawn with replacement."""
    generator, count = np.random.default_rng(0), len(families)
    means = [
        np.concatenate([families[i] for i in generator.integers(0, count, count)]).mean()
        for _ in range(draws)
    ]
    return tuple(np.quantile(means, (0.025, 0.975)))


def _score_answers(group: Sequence[JudgedOutcome], row: str):
    """Count how often an answer was given, and how often it was right."""
    right = [
        (verdict.answer == "similar") == TARGETS[row](j.outcome)
        for j in group
        if (verdict := getattr(j.estimate, row)).answer != "can't tell"
    ]
    yield (
        f"4. right in at least 90 % when stated at {DECISION_THRESHOLD:.0%}",
        row,
        _format_share(right),
    )
    yield "4. stated in at least 35 %", row, f"{len(right)} of {len(group)}"


def _score_probabilities(group: Sequence[JudgedOutcome], row: str):
    predicted = np.array([getattr(j.estimate, row).probability for j in group])
    truth = np.array([TARGETS[row](j.outcome) for j in group], float)
    base = np.mean((truth - truth.mean()) ** 2)
    skill = 1 - np.mean((predicted - truth) ** 2) / base if base else float("nan")
    error = 0.0
    for bin in range(5):
        inside = (predicted >= bin / 5) & ((predicted < (bin + 1) / 5) | (bin == 4))
        if inside.any():
            error += inside.mean() * abs(predicted[inside].mean() - truth[inside].mean())
    yield (
        "5. Brier skill at least 25 %, calibration error at most 0.1",
        row,
        f"{skill:.0%}, {error:.3f}; truly similar: {_format_share(truth == 1)}",
    )


def _measure_stability(group: Sequence[JudgedOutcome], rows: Sequence[str]) -> str:
    """Count how often other samples of the same images get the same answer."""
    same, answers = [], defaultdict(list)
    for j in group:
        for row in rows:
            answers[j.outcome.pool, j.outcome.images, row].append(j)
    for (_, _, row), members in answers.items():
        for j in members:
            if getattr(j.estimate, row).answer != "can't tell":
                same += [j.similar(row) == o.similar(row) for o in members if o is not j]
    return _format_share(same)


def _format_share(correct: Sequence[bool] | np.ndarray) -> str:
    count = int(np.sum(correct))
    return f"{count} of {len(correct)} ({count / max(1, len(correct)):.0%})"
