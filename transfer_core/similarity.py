"""Is the new data similar to the source data? Ask the network itself, stage by stage.

Similar is two questions. Do the images look alike to the network: the shift of its
normalisation statistics. Do its top features tell these classes apart: a linear probe
on every stage. Both readings make one probability that higher-level features carry over.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from transfer_core import images
from transfer_core.dataset import DataSet
from transfer_core.distance import depth_distance, log_distance, statistics_distance
from transfer_core.embedding import cache_folder, cached, embed
from transfer_core.networks.catalog import SourceNetwork
from transfer_core.networks.weights_file import load
from transfer_core.probes import Probe, grouped_folds, probe, stratified

SAMPLE = 2_000  # images at most
DRAWS = 200  # bootstrap
FEWEST_PER_CLASS = 5  # images of a class, below which nothing is claimed
UNNOTICEABLE = 0.02  # difference of two accuracies not worth a word
SURE = 0.8  # probability from which an answer is given; below 1 - SURE the other one
# Probability = logistic(a + b gap + c ln distance), gap in points. First values from a
# pilot with a small convolutional network; they wait for a calibration on this one.
INTERCEPT, PER_POINT, PER_LOG_DISTANCE = 0.12, -0.29, -0.43
BOUNDS = (0.05, 0.95)  # no estimate claims more certainty than this

Answer = Literal["similar", "different", "can't tell"]
Progress = Callable[[str, int, int], None]  # what is done, done, total


@dataclass(frozen=True, slots=True)
class StageEvidence:
    """What one stage says."""

    stage: str
    title: str
    accuracy: float  # balanced accuracy of the probe, in [0, 1]
    low: float  # of its 95 % interval
    high: float
    distance: float  # of the stage's normalisation statistics from the source's, nats


@dataclass(frozen=True, slots=True)
class SimilarityEstimate:
    """The estimated answer to "is the data set similar?" and what it rests on."""

    answer: Answer
    probability: float  # that the higher-level features carry over, in [0.05, 0.95]
    low: float  # of its 80 % interval over bootstrap draws
    high: float
    evidence: tuple[StageEvidence, ...]  # one per kept stage, input to output
    reasons: tuple[str, ...]  # for people
    distance: float  # at the end of the convolutional stages, nats
    ladder: tuple[tuple[str, float], ...]  # known image sets and their distances
    best_cut: str  # the stage after which case 2 should cut
    images: int  # that were looked at; none of them a test image
    chance: float  # balanced accuracy of guessing


def estimate(
    data_set: DataSet, source: SourceNetwork, home: Path, *, progress: Progress | None = None
) -> SimilarityEstimate:
    """Estimate whether a network's higher-level features carry over to a data set.

    Only training and validation images are looked at, at most 2,000 of them.
    The result is kept on disk, so asking again costs nothing.

    Args:
        data_set: The new images.
        source: The network, with pre-trained weights.
        home: Where caches lie.
        progress: Called with what is done, done and total; may raise to end the work.
    """
    indices = _sample(data_set)
    transform = images.Transform(source.input_size)
    folder = cache_folder(home, data_set.id, source, transform.key, indices)
    kept = folder / "similarity.json"
    if kept.is_file():
        return _from_json(json.loads(kept.read_text(encoding="utf-8")))
    report = progress or (lambda what, done, total: None)
    pixels = images.pixels(
        home, data_set, transform, progress=lambda *n: report("Decoding images", *n)
    )[indices]
    network, stages = load(source), source.stage_names[:-1]
    embeddings = cached(
        folder,
        stages,
        lambda missing: embed(
            network,
            pixels,
            source,
            missing,
            progress=lambda *n: report("Embedding images", *n),
        ),  # fmt: skip
    )
    labels = data_set.labels[indices]
    present = np.unique(labels, return_inverse=True)[1]  # the sample may lack a class
    folds = grouped_folds(present, [data_set.records[i].digest for i in indices], seed=0)
    probes = []
    for number, stage in enumerate(stages):
        report("Probing stages", number, len(stages))
        probes.append(probe(embeddings[stage], present, folds))
    fewest = int(np.bincount(labels, minlength=len(data_set.classes)).min())
    distances = statistics_distance(network, pixels, source)
    result = combine(source, probes, folds, distances, fewest)
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(asdict(result)), encoding="utf-8")
    return result


def _sample(data_set: DataSet) -> np.ndarray:
    """At most 2,000 training and validation images, the same share of each class."""
    usable = np.concatenate([data_set.indices("train"), data_set.indices("validation")])
    if len(usable) > SAMPLE:
        order = np.random.default_rng(0).permutation(usable)
        usable = stratified(order, data_set.labels)[:SAMPLE]
    return np.sort(usable)


def combine(
    source: SourceNetwork,
    probes: list[Probe],
    folds: np.ndarray,
    distances: dict[str, float],
    fewest: int,
) -> SimilarityEstimate:
    """Both readings of a sample put together.

    Args:
        source: The network.
        probes: Of each kept stage, input to output.
        folds: Fold of each image, int64 (N,).
        distances: From `statistics_distance`.
        fewest: Images of the sample's smallest class.
    """
    convolutional = tuple(s.name for s in source.stages if s.kind == "convolutional")
    distance = depth_distance(distances, convolutional)
    draws = _draws(probes[0].labels)
    accuracies = np.array([[p.balanced_accuracy(w) for p in probes] for w in draws])
    early = len(convolutional)
    gaps = np.array([_gap(probes, early, folds, w) for w in draws])
    # Folds share training images, so the draws vary too little: widened by sqrt(2).
    gaps = gaps.mean() + (gaps - gaps.mean()) * np.sqrt(2)
    chances = np.clip(_probability(100 * gaps, distance), *BOUNDS)
    probability = float(chances.mean())
    centre = [p.balanced_accuracy() for p in probes]
    spread = 1.96 * np.sqrt(2) * accuracies.std(0)
    evidence = tuple(
        StageEvidence(
            stage.name, stage.title, accuracy, max(0.0, accuracy - s), min(1.0, accuracy + s),
            distances.get(stage.name, float("nan")),
        )
        for stage, accuracy, s in zip(source.stages, centre, spread, strict=False)
    )  # fmt: skip
    gap, classes = float(gaps.mean()), int(probes[0].labels.max()) + 1
    doubts = _doubts(fewest, evidence, 1 / classes)
    ladder = tuple((rung["name"], rung["distance"]) for rung in source.card["ladder"])
    return SimilarityEstimate(
        answer="can't tell" if doubts else _answer(probability), probability=probability,
        low=float(np.quantile(chances, 0.1)), high=float(np.quantile(chances, 0.9)),
        evidence=evidence, reasons=(*_reasons(gap, distance, ladder, evidence, early), *doubts),
        distance=distance, ladder=ladder, images=len(probes[0].labels), chance=1 / classes,
        best_cut=_best_cut(evidence[:early], accuracies[:, :early]),
    )  # fmt: skip


def _draws(labels: np.ndarray) -> list[np.ndarray]:
    """Bootstrap: how often each image counts, drawn within each class."""
    generator, draws = np.random.default_rng(0), []
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for _ in range(DRAWS):
        chosen = np.concatenate([generator.choice(m, len(m)) for m in members])
        draws.append(np.bincount(chosen, minlength=len(labels)).astype(float))
    return draws


def _gap(probes: list[Probe], early: int, folds: np.ndarray, weights: np.ndarray) -> float:
    """By how much the best early stage beats the top; chosen and scored on different folds."""
    gaps = []
    for parity in (0, 1):
        choose, judge = weights * (folds % 2 == parity), weights * (folds % 2 != parity)
        best = max(probes[:early], key=lambda p: p.balanced_accuracy(choose))
        gaps.append(best.balanced_accuracy(judge) - probes[-1].balanced_accuracy(judge))
    return float(np.mean(gaps))


def _probability(gap_points, distance: float):
    score = INTERCEPT + PER_POINT * gap_points + PER_LOG_DISTANCE * log_distance(distance)
    return 1 / (1 + np.exp(-score))


def _answer(probability: float) -> Answer:
    if probability >= SURE:
        return "similar"
    return "different" if probability <= 1 - SURE else "can't tell"


def _best_cut(evidence: tuple[StageEvidence, ...], accuracies: np.ndarray) -> str:
    """The deepest early stage within one standard error of the best one."""
    best = max(range(len(evidence)), key=lambda i: evidence[i].accuracy)
    for index in reversed(range(len(evidence))):
        error = (accuracies[:, best] - accuracies[:, index]).std()
        if evidence[best].accuracy - evidence[index].accuracy <= error:
            return evidence[index].stage
    return evidence[best].stage


def _doubts(fewest: int, evidence, chance: float) -> tuple[str, ...]:
    doubts = []
    if fewest < FEWEST_PER_CLASS:
        doubts.append(
            f"The smallest class has only {fewest} images outside the test split: "
            "too few to say anything."
        )
    if all(stage.low <= chance for stage in evidence):
        doubts.append(
            "No stage tells these classes apart better than guessing: the labels may be "
            "wrong, or the images may not show the difference."
        )
    return tuple(doubts)


def _reasons(gap, distance, ladder, evidence, early) -> tuple[str, ...]:
    best, top = max(evidence[:early], key=lambda e: e.accuracy), evidence[-1]
    accuracies = f"balanced accuracy {best.accuracy:.0%} against {top.accuracy:.0%}"
    if abs(gap) < UNNOTICEABLE:
        told = f"{best.title} and {top.title}, the top, tell the classes apart about equally well"
    elif gap > 0:
        told = f"{best.title} tells the classes apart better than {top.title}, the top"
    else:
        told = f"{top.title}, the top, tells the classes apart better than any early stage"
        accuracies = f"balanced accuracy {top.accuracy:.0%} against {best.accuracy:.0%}"
    nearest = min(ladder, key=lambda rung: abs(log_distance(rung[1]) - log_distance(distance)))
    return (
        f"{told}: {accuracies}.",
        f"To the network your images look about as foreign as this: {nearest[0]} "
        f"(distance of yours {distance:.2g}, of those {nearest[1]:.2g}).",
    )


def _from_json(values: dict) -> SimilarityEstimate:
    values["evidence"] = tuple(StageEvidence(**stage) for stage in values["evidence"])
    values["ladder"] = tuple((name, distance) for name, distance in values["ladder"])
    return SimilarityEstimate(**values | {"reasons": tuple(values["reasons"])})
