"""Calibration models of a source network, fitted to the benchmark panel (`benchmarks/panel`)."""

import json
import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from transfer_core.networks import DEFAULT_NETWORK, SourceNetwork

DEFAULT_DIVIDING_LINE = 20_000  # images; tasks below it are small in Kolesnikov et al. 2020 (BiT)
MIN_LINE, MAX_LINE = 50, 50_000  # images; no dividing line lies outside


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """Probability = 1 / (1 + exp(-(intercept + sum of weight * predictor)))."""

    intercept: float
    weights: dict[str, float]  # by the name of the predictor

    def decision_function(self, evidence: dict[str, float | np.ndarray]) -> float | np.ndarray:
        """Return the logarithm of the odds."""
        return self.intercept + sum(w * evidence[name] for name, w in self.weights.items())

    def compute_probability(self, evidence: dict[str, float | np.ndarray]) -> float | np.ndarray:
        """Return probabilities in [0, 1], of the shape of the predictors."""
        return 1 / (1 + np.exp(-self.decision_function(evidence)))

    def find_decision_threshold(self, name: str, evidence: dict[str, float]) -> float | None:
        """Return the value of one predictor that gives a probability of one half."""
        weight = self.weights.get(name)
        return evidence[name] - self.decision_function(evidence) / weight if weight else None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predicted probabilities of "similar" in one bin, and how often it was true."""

    low: float  # edges of the bin
    high: float
    stated: float  # mean probability
    similar: int  # number of truly similar ones
    count: int


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """Test accuracies of every case on one image set, means over seeds."""

    name: str
    images: int  # to learn from: training and validation
    distance: float  # from the source data, nats
    top: float  # accuracy of case 1, in [0, 1]
    cut: float  # of case 2, cut after the best stage measured
    tuned: float  # of case 3, and of case 4 from pre-trained weights
    random: float  # of case 4 from random weights

    @property
    def fine_tuning_gain(self) -> float:
        """See `compute_fine_tuning_gain`."""
        return compute_fine_tuning_gain(self)


def compute_fine_tuning_gain(result: BenchmarkResult) -> float:
    """Return the accuracy gained by training everything over training a head, in [-1, 1].

    The better of cases 3 and 4 minus the better of cases 1 and 2.
    """
    return max(result.tuned, result.random) - max(result.top, result.cut)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Models fitted to the measured accuracy of every case; see `benchmarks/panel`."""

    top: LogisticModel  # that a head on the top does as well as on the best early stage
    start: LogisticModel  # that pre-trained weights are a better start than random ones
    everything: LogisticModel  # that training everything beats training a head; has "log_images"
    nearest: float  # smallest distance among the measured image sets, nats
    furthest: float  # largest one
    families: int  # number of families of image sets
    measured: tuple[BenchmarkResult, ...]
    reliability: tuple[ReliabilityBin, ...]  # of models fitted without the family they judge

    def record(self, min_confidence: float) -> tuple[int, int]:
        """Count the answers that are at least this confident, and how many of them are right.

        Args:
            min_confidence: Probability in (0.5, 1], the edge of a bin.

        Returns:
            Number of right answers, number of answers.
        """
        right = count = 0
        for each in self.reliability:
            if each.low >= min_confidence - 1e-9 or each.high <= 1 - min_confidence + 1e-9:
                count += each.count
                right += (
                    each.similar if each.low >= min_confidence - 1e-9 else each.count - each.similar
                )
        return right, count

    def clip_distance(self, evidence: dict) -> dict:
        """Return the predictors with the distance clipped to the measured range."""
        if "log_distance" not in evidence:
            return evidence
        distance = evidence["log_distance"]
        nearest, furthest = math.log(self.nearest), math.log(self.furthest)
        return evidence | {"log_distance": min(max(distance, nearest), furthest)}

    def compute_dividing_line(self, evidence: dict[str, float]) -> int:
        """Return the number of images from which training everything is likelier to win.

        Images count if the network learns from them. The number has two significant digits.

        Args:
            evidence: Predictors by name, without "log_images".
        """
        evidence = self.clip_distance(evidence)
        per_log_image = self.everything.weights["log_images"]
        score = self.everything.decision_function(evidence | {"log_images": 0.0})
        images = math.exp(min(max(-score / per_log_image, math.log(MIN_LINE)), math.log(MAX_LINE)))
        digits = 1 - math.floor(math.log10(images))
        return int(round(images, digits))


def load_calibration(source: SourceNetwork) -> Calibration:
    """Return the calibration of a network: its own if the panel measured it, else the default."""
    return _load_calibration(source.name)


def is_calibrated(source: SourceNetwork) -> bool:
    """Whether estimates for this network were checked against measurements."""
    return bool(load_calibration(source).measured)


def get_calibration_path(network: str) -> Path:
    """Path of the calibration file of the network of this name."""
    return Path(__file__).with_name(f"{network}_calibration.json")


@cache
def make_default_calibration() -> Calibration:
    """Build the calibration of a network that was not measured.

    The two similarity models are those of the demonstration network. They read only probes and
    source classes; distances and energies are not comparable between networks. The dividing
    line is a rule of thumb for networks pre-trained on ImageNet.
    """
    everything = LogisticModel(-math.log(DEFAULT_DIVIDING_LINE), {"log_images": 1.0})
    return replace(
        _read_calibration(get_calibration_path(DEFAULT_NETWORK)),
        everything=everything,
        nearest=1e-9,
        furthest=math.inf,
        families=0,
        measured=(),
        reliability=(),
    )


@cache
def _load_calibration(network: str) -> Calibration:
    file = get_calibration_path(network)
    return _read_calibration(file) if file.is_file() else make_default_calibration()


def _read_calibration(file: Path) -> Calibration:
    values = json.loads(file.read_text(encoding="utf-8"))
    models = {name: LogisticModel(**values.pop(name)) for name in ("top", "start", "everything")}
    lists = {"reliability": ReliabilityBin, "measured": BenchmarkResult}
    rows = {name: tuple(kind(**row) for row in values.pop(name)) for name, kind in lists.items()}
    return Calibration(**models, **values, **rows)
