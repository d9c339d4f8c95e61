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
    """Probability = 1 / (1 + exp(-(intercept + sum of weight * reading)))."""

    intercept: float
    weights: dict[str, float]  # by the name of the reading

    def decision_function(self, evidence: dict[str, float | np.ndarray]) -> float | np.ndarray:
        """The logarithm of the odds."""
        return self.intercept + sum(w * evidence[name] for name, w in self.weights.items())

    def probability(self, evidence: dict[str, float | np.ndarray]) -> float | np.ndarray:
        """In [0, 1], of the shape of the readings."""
        return 1 / (1 + np.exp(-self.decision_function(evidence)))

    def find_decision_threshold(self, name: str, evidence: dict[str, float]) -> float | None:
        """What one reading would have to be for a probability of one half."""
        weight = self.weights.get(name)
        return evidence[name] - self.decision_function(evidence) / weight if weight else None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Judgements whose probability of "similar" lay in one bin, and what was true."""

    low: float  # edges of the bin
    high: float
    stated: float  # mean probability
    similar: int  # of them were truly similar
    count: int


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """An image set on which every case was trained; test accuracies are means over seeds."""

    name: str
    images: int  # of the whole data set, the test images among them
    distance: float  # from the source data, nats
    top: float  # accuracy of case 1, in [0, 1]
    cut: float  # of case 2, cut where the probes say
    tuned: float  # of case 3, and of case 4 from pre-trained weights
    random: float  # of case 4 from random weights

    @property
    def lead(self) -> float:
        """By how much training everything beats a new layer, the better way of each."""
        return max(self.tuned, self.random) - max(self.top, self.cut)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted to the measured accuracy of every case; see `benchmarks/panel`."""

    top: LogisticModel  # that a new layer on the top does as well as on the best early stage
    start: LogisticModel  # that pre-trained weights are a better start than random ones
    everything: LogisticModel  # that training everything beats a new layer; reads "log_images"
    nearest: float  # smallest distance among the image sets measured, nats
    furthest: float  # largest one; readings beyond are read as these
    families: int  # of image sets
    measured: tuple[BenchmarkResult, ...]
    reliability: tuple[ReliabilityBin, ...]  # of judgements by models fitted without the family

    def record(self, min_confidence: float) -> tuple[int, int]:
        """Of the judgements at least so sure of either answer: how many were right, of how many.

        Args:
            min_confidence: Probability in (0.5, 1], the edge of a bin.
        """
        right = told = 0
        for each in self.reliability:
            if each.low >= min_confidence - 1e-9 or each.high <= 1 - min_confidence + 1e-9:
                told += each.count
                right += (
                    each.similar if each.low >= min_confidence - 1e-9 else each.count - each.similar
                )
        return right, told

    def clip_distance(self, evidence: dict) -> dict:
        """Readings by name, a distance that no image set measured had read as the last one."""
        if "log_distance" not in evidence:
            return evidence
        distance = evidence["log_distance"]
        nearest, furthest = math.log(self.nearest), math.log(self.furthest)
        return evidence | {"log_distance": min(max(distance, nearest), furthest)}

    def line(self, evidence: dict[str, float]) -> int:
        """Images from which training everything is likelier to be better, 2 figures.

        Args:
            evidence: By name; "log_images" is not needed.
        """
        evidence = self.clip_distance(evidence)
        per_log_image = self.everything.weights["log_images"]
        score = self.everything.decision_function(evidence | {"log_images": 0.0})
        images = math.exp(min(max(-score / per_log_image, math.log(50)), math.log(50_000)))
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
