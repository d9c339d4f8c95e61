"""The bars that advice must pass, measured with every family held out once."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.panel.fitting import TARGETS, held_out
from benchmarks.panel.outcomes import POINT, TEST_SHARE, Outcome
from transfer_core.networks import SourceNetwork
from transfer_core.transferability.estimate import SURE, SimilarityEstimate, judge

ENOUGH = 250  # images from which the bars hold
Accuracy = Callable[[Outcome], float]
COLUMNS: dict[str, tuple[Accuracy, Accuracy]] = {  # of each row of the diagram: similar, different
    "top": (lambda o: o.top, lambda o: o.cut),
    "start": (lambda o: o.tuned, lambda o: o.tuned),  # case 4 is advised from pre-trained weights
}
CONSTANT: dict[str, dict[str, Accuracy]] = {
    "top": {"always the top": lambda o: o.top, "always an early cut": lambda o: o.cut},
    "start": {
        "always pre-trained": lambda o: o.tuned,
        "always random": lambda o: o.random,
    },
}

CASES: dict[str, Accuracy] = {
    "always case 1": lambda o: o.top,
    "always case 2": lambda o: o.cut,
    "always case 3": lambda o: o.tuned,
    "always case 4 from random weights": lambda o: o.random,
}


@dataclass(frozen=True)
class Judged:
    """An outcome and what was estimated of it with its family held out."""

    outcome: Outcome
    estimate: SimilarityEstimate

    def similar(self, row: str) -> bool:
        """Whether the advice in a row of the diagram is its similar column."""
        return getattr(self.estimate, row).probability >= 0.5

    def regret(self, row: str) -> float:
        """Accuracy lost against the best of a row."""
        similar, different = COLUMNS[row]
        return self.lost(row, similar if self.similar(row) else different)

    def lost(self, row: str, policy: Accuracy) -> float:
        """Accuracy that a policy loses against the best of a row."""
        best = max(accuracy(self.outcome) for accuracy in CONSTANT[row].values())
        return best - policy(self.outcome)

    @property
    def advised(self) -> float:
        """Accuracy of the advised case."""
        if self.outcome.images / (1 - TEST_SHARE) >= self.estimate.line:
            return self.outcome.tuned  # case 3, and case 4 as it is advised
        return self.outcome.top if self.similar("top") else self.outcome.cut


Regret = Callable[[Judged], float]


def judged(outcomes: Sequence[Outcome], source: SourceNetwork) -> list[Judged]:
    """Every outcome judged by models fitted without its family."""
    return [
        Judged(outcome, judge(outcome.readings, source, calibration))
        for outcome, calibration in held_out(outcomes)
    ]


def table(all_judged: Sequence[Judged]) -> list[tuple[str, str, str]]:
    """The bars: what is asked, of which row, what was measured."""
    large = [j for j in all_judged if j.outcome.images >= ENOUGH]
    hundred = [j for j in all_judged if j.outcome.images <= 100]
    rows = []
    for row in CONSTANT:
        regrets = np.array([100 * j.regret(row) for j in large])
        rows += [
            ("1. mean regret at most 1.5 points, 90th percentile at most 5", row,
             f"{regrets.mean():.2f}, {np.quantile(regrets, 0.9):.2f} ({len(large)} data sets)"),
            *_against_constants(large, row),
            ("3. within 1 point of the better in at least 80 %", row,
             _share(regrets <= 100 * POINT + 1e-9)),
            *_stated(large, row),
            *_probabilities(large, row),
        ]  # fmt: skip
        if hundred:
            few = np.array([100 * j.regret(row) for j in hundred])
            unsure = [getattr(j.estimate, row).answer == "can't tell" for j in hundred]
            rows.append(("at 100 images: mean regret at most 2.5, can't tell at least 50 %", row,
                         f"{few.mean():.2f}, {_share(unsure)}"))  # fmt: skip
    lost = np.array([100 * (_best_cut(j.outcome) - j.outcome.cut) for j in large])
    rows.append(("6. cut within 2 points of the best in at least 80 %, mean at most 1", "cut",
                 f"{_share(lost <= 2)}, {lost.mean():.2f}"))  # fmt: skip
    rows.append(("8. same case for a new sample in at least 90 % when stated", "both",
                 _stability(large)))  # fmt: skip
    seconds = np.quantile([j.outcome.seconds for j in all_judged], 0.95)
    rows.append(("9. readings in at most 20 s (95th percentile)", "", f"{seconds:.1f} s"))
    rows += _against_cases(large)
    for name, group in (("all sizes", all_judged), (f"{ENOUGH} images and more", large)):
        near = [j.outcome.best - j.advised <= POINT + 1e-9 for j in group]
        loss = 100 * np.mean([j.outcome.best - j.advised for j in group])
        rows.append((f"advised case best of all or within 1 point in at least 85 %, {name}",
                     "all four", f"{_share(near)}, mean regret {loss:.2f}"))  # fmt: skip
    return rows


def _best_cut(outcome: Outcome) -> float:
    early = [stage.stage for stage in outcome.readings.stages[: outcome.readings.early]]
    return max(outcome.cuts[name] for name in early)


def _against_constants(group: Sequence[Judged], row: str):
    """Each constant policy of a row of the diagram against ours."""
    for name, policy in CONSTANT[row].items():
        told = _against(
            group, lambda j, policy=policy: j.lost(row, policy), lambda j: j.regret(row)
        )
        yield f"2. lower regret than {name}, 95 % interval of the difference above 0", row, told


def _against_cases(group: Sequence[Judged]):
    """Each case, always taken, against the advised one."""
    for name, policy in CASES.items():
        told = _against(
            group,
            lambda j, policy=policy: j.outcome.best - policy(j.outcome),
            lambda j: j.outcome.best - j.advised,
        )
        yield (
            f"2. lower regret than {name}, 95 % interval of the difference above 0",
            "all four",
            told,
        )


def _against(group: Sequence[Judged], theirs: Regret, ours: Regret) -> str:
    """Mean regret of a policy, and of it less ours an interval over families."""
    by_family = defaultdict(list)
    for j in group:
        by_family[j.outcome.family].append(100 * (theirs(j) - ours(j)))
    low, high = _interval([np.array(gains) for gains in by_family.values()])
    mean = np.mean([100 * theirs(j) for j in group])
    return f"it has {mean:.2f}; difference {low:+.2f} to {high:+.2f}"


def _interval(families: list[np.ndarray], draws: int = 2_000) -> tuple[float, float]:
    """95 % interval of a mean, families drawn with replacement."""
    generator, count = np.random.default_rng(0), len(families)
    means = [
        np.concatenate([families[i] for i in generator.integers(0, count, count)]).mean()
        for _ in range(draws)
    ]
    return tuple(np.quantile(means, (0.025, 0.975)))


def _stated(group: Sequence[Judged], row: str):
    """How often an answer was given, and how often it was right."""
    right = [
        (verdict.answer == "similar") == TARGETS[row](j.outcome)
        for j in group
        if (verdict := getattr(j.estimate, row)).answer != "can't tell"
    ]
    yield f"4. right in at least 90 % when stated at {SURE:.0%}", row, _share(right)
    yield "4. stated in at least 35 %", row, f"{len(right)} of {len(group)}"


def _probabilities(group: Sequence[Judged], row: str):
    told = np.array([getattr(j.estimate, row).probability for j in group])
    truth = np.array([TARGETS[row](j.outcome) for j in group], float)
    base = np.mean((truth - truth.mean()) ** 2)
    skill = 1 - np.mean((told - truth) ** 2) / base if base else float("nan")
    error = 0.0
    for bin in range(5):
        inside = (told >= bin / 5) & ((told < (bin + 1) / 5) | (bin == 4))
        if inside.any():
            error += inside.mean() * abs(told[inside].mean() - truth[inside].mean())
    yield ("5. Brier skill at least 25 %, calibration error at most 0.1", row,
           f"{skill:.0%}, {error:.3f}; truly similar: {_share(truth == 1)}")  # fmt: skip


def _stability(group: Sequence[Judged]) -> str:
    """Whether other samples of the same images get the same answer."""
    same, answers = [], defaultdict(list)
    for j in group:
        for row in CONSTANT:
            answers[j.outcome.pool, j.outcome.images, row].append(j)
    for (_, _, row), members in answers.items():
        for j in members:
            if getattr(j.estimate, row).answer != "can't tell":
                same += [j.similar(row) == o.similar(row) for o in members if o is not j]
    return _share(same)


def _share(right: Sequence[bool] | np.ndarray) -> str:
    count = int(np.sum(right))
    return f"{count} of {len(right)} ({count / max(1, len(right)):.0%})"
