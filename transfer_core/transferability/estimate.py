"""Is the new data similar to the source data? The readings, judged.

Similar is two questions. Do the top features tell these classes apart as well as earlier
ones: that decides a small data set. Do the pre-trained weights beat random ones as a start:
that decides a large one. Both rest on the readings of a sample and on what was measured of
the network on many other image sets.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Literal

import numpy as np

from transfer_core import dataset
from transfer_core.cases import Size
from transfer_core.dataset import DataSet
from transfer_core.features.embedding_cache import get_cache_folder
from transfer_core.networks.catalog import SourceNetwork
from transfer_core.system.disk_cache import CacheFullError, add_entry, mark_used
from transfer_core.system.parallel import Progress, ignore_progress
from transfer_core.transferability.calibration import Calibration, LogisticModel, load_calibration
from transfer_core.transferability.cross_validation import stratify_order
from transfer_core.transferability.evidence import TransferabilityEvidence, from_json
from transfer_core.transferability.explanation import (
    list_doubts,
    list_reasons,
    list_warnings,
    warn_if_uncalibrated,
)

MAX_SAMPLE_IMAGES = 2_000  # images at most
CACHE_VERSION = 3  # of stored evidence; grows when a measurement is added or changed
DECISION_THRESHOLD = 0.8  # probability from which an answer is given; below 1 - SURE the other one
PROBABILITY_BOUNDS = (0.05, 0.95)  # no estimate claims more certainty than this
NORMAL_QUANTILES = np.array([NormalDist().inv_cdf((i + 0.5) / 200) for i in range(200)])

Answer = Literal["similar", "different", "can't tell"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one of the two questions."""

    answer: Answer
    probability: float  # of "similar", in [0.05, 0.95]
    low: float  # of its 80 % interval over the readings' uncertainty
    high: float


@dataclass(frozen=True, slots=True)
class SimilarityEstimate:
    """The estimated answer to "is the data set similar?" and what it rests on."""

    top: Verdict  # for a small data set: the top features are enough
    start: Verdict  # for a large one: pre-trained weights are the better start
    line: int  # images; for data like this, where training everything begins to win
    evidence: TransferabilityEvidence
    reasons: tuple[str, ...]  # for people
    warnings: tuple[str, ...]  # for people; empty where nothing stands against it
    reference_distances: tuple[tuple[str, float], ...]  # known image sets and their distances

    def verdict(self, size: Size) -> Verdict:
        """The one that decides a data set of this size."""
        return self.top if size == "small" else self.start


def estimate_similarity(
    data_set: DataSet, source: SourceNetwork, home: Path, *, progress: Progress = ignore_progress
) -> SimilarityEstimate:
    """Estimate whether what a network has learned carries over to a data set.

    Only training and validation images are looked at, at most 2,000 of them.
    The readings are kept on disk, so asking again costs nothing.

    Args:
        data_set: The new images.
        source: The network, with pre-trained weights.
        home: Where caches lie.
        progress: Called with what is done, done and total; may raise to end the work.
    """
    indices = _draw_sample(data_set)
    transform = source.transform
    folder = get_cache_folder(home, data_set.id, source, transform.key, indices)
    kept = folder / f"evidence_{CACHE_VERSION}.json"
    with suppress(FileNotFoundError):
        text = kept.read_text(encoding="utf-8")
        mark_used(kept)
        return estimate_from_evidence(from_json(json.loads(text)), source)
    from transfer_core.transferability.measurement import (
        measure_transferability,  # brings torch, which kept readings do without
    )

    pixels = dataset.PixelArray(home, data_set, transform).read(indices, progress)
    # The sample may lack a class.
    labels = np.unique(data_set.labels[indices], return_inverse=True)[1]
    digests = [data_set.records[i].digest for i in indices]
    readings = measure_transferability(pixels, labels, digests, source, progress=progress)
    fewest = np.bincount(data_set.labels[indices], minlength=len(data_set.classes)).min()
    readings = replace(readings, min_images_per_class=int(fewest))
    data = json.dumps(asdict(readings)).encode()
    with suppress(CacheFullError), add_entry(home, kept, len(data)) as file:
        file.write(data)
    return estimate_from_evidence(readings, source)


def _draw_sample(data_set: DataSet) -> np.ndarray:
    """At most 2,000 training and validation images, the same share of each class."""
    usable = np.concatenate([data_set.indices("train"), data_set.indices("validation")])
    if len(usable) > MAX_SAMPLE_IMAGES:
        order = np.random.default_rng(0).permutation(usable)
        usable = stratify_order(order, data_set.labels)[:MAX_SAMPLE_IMAGES]
    return np.sort(usable)


def estimate_from_evidence(
    evidence: TransferabilityEvidence, source: SourceNetwork, calibration: Calibration | None = None
) -> SimilarityEstimate:
    """What readings mean for a network.

    Args:
        evidence: Of a sample of the new images.
        source: The network that they were taken with.
        calibration: In place of the network's own.
    """
    calibration = calibration or load_calibration(source)
    against = list_doubts(evidence)
    verdicts = [
        reach_verdict(model, evidence, calibration, bool(against))
        for model in (calibration.top, calibration.start)
    ]
    ladder = tuple(
        (rung["name"], rung["distance"]) for rung in source.card.get("reference_distances", ())
    )
    return SimilarityEstimate(
        *verdicts,
        line=calibration.line(evidence.named()),
        evidence=evidence,
        reasons=list_reasons(evidence, ladder),
        warnings=(*against, *warn_if_uncalibrated(source), *list_warnings(evidence, calibration)),
        reference_distances=ladder,
    )


def reach_verdict(
    model: LogisticModel,
    evidence: TransferabilityEvidence,
    calibration: Calibration,
    is_doubtful: bool,
) -> Verdict:
    """The mean probability over the uncertainty of the gap, and the answer it gives."""
    named = evidence.named(evidence.gap + evidence.gap_standard_deviation * NORMAL_QUANTILES)
    chances = np.clip(model.probability(calibration.clip_distance(named)), *PROBABILITY_BOUNDS)
    chances = np.broadcast_to(chances, NORMAL_QUANTILES.shape)
    probability = round(float(chances.mean()), 4)
    answer = "can't tell"
    if not is_doubtful and probability >= DECISION_THRESHOLD:
        answer = "similar"
    elif not is_doubtful and probability <= 1 - DECISION_THRESHOLD:
        answer = "different"
    low, high = (round(float(edge), 4) for edge in np.quantile(chances, (0.1, 0.9)))
    return Verdict(answer, probability, low, high)
