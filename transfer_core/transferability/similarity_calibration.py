"""Calibration models of a source network, fitted to the benchmark panel (`benchmarks/panel`)."""

import json
import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from transfer_core.languages import N_
from transfer_core.networks import DEFAULT_NETWORK, SourceNetwork, get_network
from transfer_core.transferability.accuracy_prior import AccuracyPrior
from transfer_core.transferability.forecast_model import ForecastModel

Question = Literal["similarity", "forecasts"]
# Of the networks that were measured, the one whose models judge a network that was not.
MEASURED_RELATIVES = {"demonstration": DEFAULT_NETWORK}  # by library; own weights
DEFAULT_RELATIVE = "efficientnet_lite0"  # of all other libraries: pre-trained on ImageNet too
CARRIED_OVER_WIDENING = 1.5  # of every interval, for a network whose relative was measured
DEFAULT_MARGIN = 0.01  # accuracy


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
class Basis:
    """What a model rests on."""

    kind: Literal["measured", "carried over", "rule of thumb"]
    network: str = ""  # for people: the other network that a model is carried over from


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
        """Accuracy of case 3 minus that of the better of cases 1 and 2, in [-1, 1]."""
        return self.tuned - max(self.top, self.cut)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Models fitted to measured accuracies of the options; see `benchmarks/panel`."""

    similarity: LogisticModel  # that the higher-level features carry over
    forecasts: dict[str, ForecastModel]  # by the key of the option
    prior: AccuracyPrior  # how new layers usually differ
    nearest: float  # smallest distance among the measured image sets, nats
    furthest: float  # largest one
    families: int  # number of families of image sets
    image_sets: int  # number of image sets measured with this network, each size counted
    measured: tuple[BenchmarkResult, ...]  # those of them on which every case was trained
    reliability: tuple[ReliabilityBin, ...]  # of models fitted without the family they judge
    basis: dict[Question, Basis]
    widening: float = 1.0  # of the intervals of measured options
    margin: float = DEFAULT_MARGIN  # by which a dearer measured option must be better
    forecast_margin: float = DEFAULT_MARGIN  # the same, if one of the two is forecast
    crossover: float | None = None  # images per class; with more, training everything won

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


def load_calibration(source: SourceNetwork) -> Calibration:
    """Return a network's own calibration, or if it was not measured that of a relative."""
    if get_calibration_path(source.name).is_file():
        return read_calibration(source.name)
    return carry_over_calibration(MEASURED_RELATIVES.get(source.library, DEFAULT_RELATIVE))


def is_calibrated(source: SourceNetwork, question: Question) -> bool:
    """Whether the model of a question was fitted to measurements with this very network."""
    return load_calibration(source).basis[question].kind == "measured"


def get_calibration_path(network: str) -> Path:
    """Path of the calibration file of the network of this name."""
    return Path(__file__).with_name(f"{network}_calibration.json")


@cache
def carry_over_calibration(relative: str) -> Calibration:
    """Build the calibration of a network that was not measured.

    The models are those of a relative that was measured, with wider intervals. They read only
    accuracies and source classes; distances and energies are not comparable between networks.
    """
    measured = read_calibration(relative)
    title = (
        N_("the demonstration network")
        if relative == DEFAULT_NETWORK
        else get_network(relative).title
    )
    middle = (math.log(measured.nearest) + math.log(measured.furthest)) / 2
    return replace(
        measured,
        forecasts={
            key: replace(model, error=model.error * CARRIED_OVER_WIDENING).fix(
                "log_distance", middle
            )
            for key, model in measured.forecasts.items()
        },
        prior=replace(measured.prior, offsets={}),  # its stages have other names
        widening=measured.widening * CARRIED_OVER_WIDENING,
        nearest=1e-9,
        furthest=math.inf,
        families=0,
        image_sets=0,
        measured=(),
        reliability=(),
        basis=dict.fromkeys(measured.basis, Basis("carried over", title)),
    )


@cache
def read_calibration(network: str) -> Calibration:
    """Read the calibration file of a network that was measured."""
    values = json.loads(get_calibration_path(network).read_text(encoding="utf-8"))
    similarity = LogisticModel(**values.pop("similarity"))
    forecasts = {key: ForecastModel(**each) for key, each in values.pop("forecasts").items()}
    prior = AccuracyPrior(**values.pop("prior"))
    basis = {name: Basis(**each) for name, each in values.pop("basis").items()}
    lists = {"reliability": ReliabilityBin, "measured": BenchmarkResult}
    rows = {name: tuple(kind(**row) for row in values.pop(name)) for name, kind in lists.items()}
    return Calibration(
        similarity=similarity, forecasts=forecasts, prior=prior, basis=basis, **rows, **values
    )
