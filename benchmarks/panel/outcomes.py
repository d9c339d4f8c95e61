"""Measurements and test accuracies of the panel side by side, one outcome per data set."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import numpy as np
from scipy.special import ndtri

from transfer_core.transferability import (
    BOOTSTRAP_SAMPLES,
    BootstrapDraws,
    TransferabilityEvidence,
    from_json,
)

MIN_DIFFERENCE = 0.01  # accuracies that differ by no more count as equal
KEY_FIELDS = ("weights", "pool", "images", "seed")


@dataclass(frozen=True)
class Outcome:
    """Measurements on one data set, and the test accuracy that each case then reached."""

    pool: str
    family: str
    images: int  # to learn from: training and validation
    seed: int
    evidence: TransferabilityEvidence
    cuts: dict[str, float]  # case 2 by its last kept stage; the last one is case 1
    tuned: float | None  # case 3, and case 4 from pre-trained weights; None if not trained
    random: float | None  # case 4 from random weights; None if not trained
    seconds: float  # duration of the measurements

    @property
    def top(self) -> float:
        """Case 1."""
        return list(self.cuts.values())[-1]

    @property
    def cut(self) -> float:
        """Case 2, cut after the best stage measured."""
        return self.cuts[self.evidence.best_cut]

    @property
    def best(self) -> float:
        """The best of all four cases."""
        return max(self.top, self.cut, self.tuned, self.random)

    @property
    def top_is_enough(self) -> bool:
        """Whether the cut is better by at most one point."""
        return self.cut - self.top <= MIN_DIFFERENCE

    @property
    def pretraining_helps(self) -> bool:
        """Whether pre-trained weights are better by more than one point."""
        return self.tuned - self.random > MIN_DIFFERENCE

    def sample_predictors(self) -> dict[str, float | np.ndarray]:
        """Return the predictors by name, one value per bootstrap draw, and the size."""
        return self.evidence.sample_predictors() | {"log_images": np.log(self.images)}


def load_outcomes(folder: Path, weights: str) -> list[Outcome]:
    """Return every data set whose measurements and accuracies are stored, for these weights.

    The accuracies are means over the seeds of one pool and size: one test of 1,000 images is
    off by more than the point that the bars ask about. The measurements are those of each seed.
    """
    truths, signals = (read_rows(folder / f"{name}.jsonl") for name in ("truth", "signals"))
    same = defaultdict(list)
    for key, row in truths.items():
        same[key[:3]].append(row)
    return [
        Outcome(
            pool=row["pool"],
            family=row["family"],
            images=row["images"],
            seed=row["seed"],
            evidence=read_evidence(signals[key]["evidence"]),
            seconds=signals[key]["seconds"],
            cuts={name: mean(r["cuts"][name] for r in same[key[:3]]) for name in row["cuts"]},
            **{
                case: mean(r[case] for r in same[key[:3]]) if case in row else None
                for case in ("tuned", "random")
            },
        )
        for key, row in truths.items()
        if key in signals and row["weights"] == weights
    ]


def borrow_tuned(outcomes: Sequence[Outcome], others: Sequence[Outcome]) -> list[Outcome]:
    """Return outcomes beside the accuracy of training everything with another network.

    Args:
        outcomes: Of a network of which only the frozen cases were measured.
        others: Of the other network, with every case; both are matched by pool and size.
            Without a match `tuned` stays None.
    """
    tuned = {(other.pool, other.images): other.tuned for other in others}
    return [replace(each, tuned=tuned.get((each.pool, each.images))) for each in outcomes]


def compare_bare_pixels(outcome: Outcome) -> Outcome:
    """Return the outcome as if the network with random weights had not been measured."""
    evidence = outcome.evidence
    points = 100 * (evidence.accuracy_without_pretraining - evidence.pixels)
    draws = replace(evidence.draws, gain=tuple(gain + points for gain in evidence.draws.gain))
    stages = tuple(replace(stage, untrained_accuracy=None) for stage in evidence.stages)
    return replace(outcome, evidence=replace(evidence, stages=stages, draws=draws))


def read_evidence(values: dict) -> TransferabilityEvidence:
    """Read stored measurements, also those of before the bootstrap draws were stored.

    For these, draws are made from the standard errors that were stored: of the gap, and of the
    best stage's accuracy. LEEP has none. If only some draws were stored they are repeated.
    """
    if "draws" in values:
        draws = {n: np.resize(v, BOOTSTRAP_SAMPLES).tolist() for n, v in values["draws"].items()}
        return from_json(values | {"draws": draws})
    evidence = from_json(values | {"draws": {"gap": (), "gain": (), "leep": (), "skill": ()}})
    best, points = evidence.best_stage, evidence.get_predictors()
    error = (best.high - best.low) / 2 / 1.96
    noise = np.random.default_rng(0).permuted(
        np.tile(ndtri((np.arange(BOOTSTRAP_SAMPLES) + 0.5) / BOOTSTRAP_SAMPLES), (2, 1)), axis=1
    )
    draws = {
        "gap": points["gap"] + 100 * values["gap_standard_deviation"] * noise[0],
        "gain": points["gain"] + 100 * error * noise[1],
        "leep": np.full(BOOTSTRAP_SAMPLES, points["leep"]),
        "skill": points["skill"] + error / (1 - 1 / evidence.classes) * noise[1],
    }
    return replace(evidence, draws=BootstrapDraws(**{n: tuple(v) for n, v in draws.items()}))


def read_rows(file: Path) -> dict[tuple, dict]:
    """Read the lines of a file by weights, pool, images and seed."""
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {tuple(row[name] for name in KEY_FIELDS): row for row in lines}
