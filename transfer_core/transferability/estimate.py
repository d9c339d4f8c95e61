"""Estimate whether new data is similar to the source data.

"Similar" has one meaning, whatever the size: the network's higher-level features carry over. A
new layer on the top stage is not worse than one on the best early stage by more than a point, and
pre-training gains over random weights. The probability comes from measurements on a sample of the
images and from a model that was fitted to many other image sets (`similarity_calibration`).
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.features import get_cache_folder
from transfer_core.networks import SourceNetwork
from transfer_core.system import Progress, ignore_progress, load_json, save_json
from transfer_core.transferability.cautions import list_doubts, list_warnings
from transfer_core.transferability.evidence import (
    ReportStage,
    TransferabilityEvidence,
    from_json,
)
from transfer_core.transferability.explanation import list_reasons
from transfer_core.transferability.grouped_folds import stratify_order
from transfer_core.transferability.similarity_calibration import (
    Calibration,
    load_calibration,
)

MAX_SAMPLE_IMAGES = 2_000  # images at most
CACHE_VERSION = 6  # of stored evidence; raised when a measurement is added or changed
DECISION_THRESHOLD = 0.8  # least probability of an answer that is given
PROBABILITY_BOUNDS = (0.05, 0.95)  # no estimate is more certain
INTERVAL_BOUNDS = (0.01, 0.99)  # nor does its interval reach further
MIN_MARGIN = 0.01  # least half-width of an interval: no calibration is more precise
PROBABILITY_DECIMALS = 2  # people read the rounded probability, so it also decides

Answer = Literal["similar", "different", "can't tell"]


@dataclass(frozen=True, slots=True)
class SimilarityEstimate:
    """The estimated answer to "is the data set similar?" and its evidence."""

    answer: Answer
    probability: float  # of "similar", in [0.05, 0.95]
    low: float  # of the 80 % interval over other images of the same kind, in [0.01, 0.99]
    high: float  # greater than `low`
    evidence: TransferabilityEvidence
    reasons: tuple[str, ...]  # for people
    warnings: tuple[str, ...]  # for people
    reference_distances: tuple[tuple[str, float], ...]  # known image sets and their distances


def estimate_similarity(
    data_set: DataSet,
    source: SourceNetwork,
    home: Path,
    *,
    progress: Progress = ignore_progress,
    report_stage: ReportStage | None = None,
) -> SimilarityEstimate:
    """Estimate whether the features of a network carry over to a data set.

    Only training and validation images are used, at most 2,000 of them. The measurements are
    cached on disk.

    Args:
        data_set: The new images.
        source: The network, with pre-trained weights.
        home: The data folder, with the caches.
        progress: Called with the name of the step, done and total; may raise to cancel.
        report_stage: Called with each stage as soon as it is measured, the top stage first;
            not called if everything is known already.
    """
    if (known := load_known_evidence(data_set, source, home)) is not None:
        return estimate_from_evidence(known, source)
    # Imported here because it imports torch, which cached measurements do not need.
    from transfer_core.transferability.measurement import measure_transferability
    from transfer_core.transferability.sample_embedding import embed_sample

    indices = draw_sample(data_set)
    pixels = dataset.PixelArray(home, data_set, source.transform).read(indices, progress)
    embeddings = embed_sample(data_set, source, home, indices, progress)
    # The sample may lack a class.
    labels = np.unique(data_set.labels[indices], return_inverse=True)[1]
    records = [data_set.records[i] for i in indices]
    evidence = measure_transferability(
        pixels,
        labels,
        [record.digest for record in records],
        source,
        bursts=[dataset.find_burst(record.path) for record in records],
        embeddings=embeddings,
        progress=progress,
        report_stage=report_stage,
    )
    smallest = np.bincount(data_set.labels[indices], minlength=len(data_set.classes)).min()
    evidence = replace(evidence, min_images_per_class=int(smallest))
    save_json(home, _get_evidence_file(data_set, source, home), asdict(evidence))
    return estimate_from_evidence(evidence, source)


def load_known_evidence(
    data_set: DataSet, source: SourceNetwork, home: Path
) -> TransferabilityEvidence | None:
    """Return the cached measurements of a network on a data set; None if there are none."""
    values = load_json(_get_evidence_file(data_set, source, home))
    return None if values is None else from_json(values)


def _get_evidence_file(data_set: DataSet, source: SourceNetwork, home: Path) -> Path:
    indices = draw_sample(data_set)
    folder = get_cache_folder(home, data_set.id, source, source.transform.key, indices)
    return folder / f"evidence_{CACHE_VERSION}.json"


def draw_sample(data_set: DataSet) -> np.ndarray:
    """At most 2,000 training and validation images, the same share of each class."""
    usable = np.concatenate([data_set.indices("train"), data_set.indices("validation")])
    if len(usable) > MAX_SAMPLE_IMAGES:
        order = np.random.default_rng(0).permutation(usable)
        usable = stratify_order(order, data_set.labels)[:MAX_SAMPLE_IMAGES]
    return np.sort(usable)


def estimate_from_evidence(
    evidence: TransferabilityEvidence, source: SourceNetwork, calibration: Calibration | None = None
) -> SimilarityEstimate:
    """Judge measurements by a calibration.

    Args:
        evidence: Measurements on a sample of the new images.
        source: The network that was measured.
        calibration: Replaces the network's own.
    """
    calibration = calibration or load_calibration(source)
    is_doubtful = bool(list_doubts(evidence))
    probability, low, high = compute_probability(evidence, calibration)
    shown = round(probability, PROBABILITY_DECIMALS)
    distances = tuple(
        (each["name"], each["distance"]) for each in source.card.get("reference_distances", ())
    )
    return SimilarityEstimate(
        "can't tell" if is_doubtful else choose_answer(shown),
        probability,
        low,
        high,
        evidence=evidence,
        reasons=list_reasons(evidence, distances, None if is_doubtful else shown),
        warnings=list_warnings(evidence, calibration),
        reference_distances=distances,
    )


def compute_probability(
    evidence: TransferabilityEvidence, calibration: Calibration
) -> tuple[float, float, float]:
    """Average the probability of "similar" over the bootstrap draws.

    Returns:
        The probability, and both ends of its 80 % interval.
    """
    predictors = calibration.clip_distance(evidence.sample_predictors())
    draws = calibration.similarity.compute_probability(predictors)
    probability = float(np.clip(draws, *PROBABILITY_BOUNDS).mean())
    edges = np.quantile(np.clip(draws, *INTERVAL_BOUNDS), (0.1, 0.9))
    low = min(probability - MIN_MARGIN, edges[0])
    high = max(probability + MIN_MARGIN, edges[1])
    return round(probability, 4), round(float(low), 4), round(float(high), 4)


def choose_answer(probability: float) -> Answer:
    """Return the answer that the rounded probability, the one that people read, allows."""
    if probability >= DECISION_THRESHOLD:
        return "similar"
    if probability <= round(1 - DECISION_THRESHOLD, PROBABILITY_DECIMALS):
        return "different"
    return "can't tell"
