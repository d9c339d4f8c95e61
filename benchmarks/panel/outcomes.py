"""Truth and readings of the panel side by side, one outcome a data set."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from transfer_core.transferability.evidence import TransferabilityEvidence, from_json

TEST_SHARE = 0.2  # of a data set in the app; the panel's images are the rest
MIN_DIFFERENCE = 0.01  # of accuracy: what the bars call a difference
KEY_FIELDS = ("weights", "pool", "images", "seed")


@dataclass(frozen=True)
class Outcome:
    """What was read of one data set and what each case then reached on its test images."""

    pool: str
    family: str
    images: int  # for training and validation
    seed: int
    evidence: TransferabilityEvidence
    cuts: dict[str, float]  # case 2 by its last kept stage; the last of them is case 1
    tuned: float  # case 3, and case 4 from pre-trained weights
    random: float  # case 4 from random weights
    seconds: float  # that the readings took

    @property
    def top(self) -> float:
        """Case 1."""
        return list(self.cuts.values())[-1]

    @property
    def cut(self) -> float:
        """Case 2, cut where the probes say."""
        return self.cuts[self.evidence.best_cut]

    @property
    def best(self) -> float:
        """Of all four cases."""
        return max(self.top, self.cut, self.tuned, self.random)

    @property
    def lead(self) -> float:
        """By how much training everything beats a new layer, whichever is better of each."""
        return max(self.tuned, self.random) - max(self.top, self.cut)

    @property
    def top_is_enough(self) -> bool:
        """The cut is better by at most one point."""
        return self.cut - self.top <= MIN_DIFFERENCE

    @property
    def pretraining_helps(self) -> bool:
        """Pre-trained weights are better by more than one point."""
        return self.tuned - self.random > MIN_DIFFERENCE

    def named(self, gap: float | np.ndarray | None = None) -> dict[str, float | np.ndarray]:
        """The readings by name, with the size that the whole data set would have."""
        whole = self.images / (1 - TEST_SHARE)
        return self.evidence.named(gap) | {"log_images": np.log(whole)}


def load_outcomes(folder: Path, weights: str) -> list[Outcome]:
    """All data sets of which truth and readings are known, for one network's weights.

    The accuracies are means over the seeds of one pool and size, since one test of 1,000
    images is off by more than the point that the bars ask about; the readings are each seed's.
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
            evidence=from_json(signals[key]["evidence"]),
            seconds=signals[key]["seconds"],
            cuts={name: mean(r["cuts"][name] for r in same[key[:3]]) for name in row["cuts"]},
            **{case: mean(r[case] for r in same[key[:3]]) for case in ("tuned", "random")},
        )
        for key, row in truths.items()
        if key in signals and row["weights"] == weights
    ]


def read_rows(file: Path) -> dict[tuple, dict]:
    """The lines of a file by what they are of."""
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {tuple(row[name] for name in KEY_FIELDS): row for row in lines}
