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
from typing import TYPE_CHECKING, Literal

import numpy as np

from transfer_core import dataset
from transfer_core.cases import Size
from transfer_core.dataset import DataSet
from transfer_core.features.embedding_cache import cache_folder
from transfer_core.networks.calibration import Calibration, Logistic
from transfer_core.networks.catalog import SourceNetwork
from transfer_core.system.disk_cache import NoRoom, adding, mark_used
from transfer_core.transferability.cross_validation import stratified
from transfer_core.transferability.evidence import Readings, from_json
from transfer_core.transferability.explanation import alarms, doubts, reasons, unchecked

if TYPE_CHECKING:
    from transfer_core.transferability.measurement import Progress

SAMPLE = 2_000  # images at most
FORMAT = 2  # of kept readings; grows when a reading is added or taken otherwise
SURE = 0.8  # probability from which an answer is given; below 1 - SURE the other one
BOUNDS = (0.05, 0.95)  # no estimate claims more certainty than this
QUANTILES = np.array([NormalDist().inv_cdf((i + 0.5) / 200) for i in range(200)])

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
    readings: Readings
    reasons: tuple[str, ...]  # for people
    warnings: tuple[str, ...]  # for people; empty where nothing stands against it
    ladder: tuple[tuple[str, float], ...]  # known image sets and their distances

    def verdict(self, size: Size) -> Verdict:
        """The one that decides a data set of this size."""
        return self.top if size == "small" else self.start


def estimate(
    data_set: DataSet, source: SourceNetwork, home: Path, *, progress: "Progress | None" = None
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
    indices = _sample(data_set)
    transform = source.transform
    folder = cache_folder(home, data_set.id, source, transform.key, indices)
    kept = folder / f"readings_{FORMAT}.json"
    with suppress(FileNotFoundError):
        text = kept.read_text(encoding="utf-8")
        mark_used(kept)
        return judge(from_json(json.loads(text)), source)
    from transfer_core.transferability.measurement import (
        read,  # brings torch, which kept readings do without
    )

    report = progress or (lambda what, done, total: None)
    pixels = dataset.Pixels(home, data_set, transform).read(
        indices, progress=lambda *n: report("Decoding images", *n)
    )
    # The sample may lack a class.
    labels = np.unique(data_set.labels[indices], return_inverse=True)[1]
    digests = [data_set.records[i].digest for i in indices]
    readings = read(pixels, labels, digests, source, progress=progress)
    fewest = np.bincount(data_set.labels[indices], minlength=len(data_set.classes)).min()
    readings = replace(readings, fewest=int(fewest))
    data = json.dumps(asdict(readings)).encode()
    with suppress(NoRoom), adding(home, kept, len(data)) as file:
        file.write(data)
    return judge(readings, source)


def _sample(data_set: DataSet) -> np.ndarray:
    """At most 2,000 training and validation images, the same share of each class."""
    usable = np.concatenate([data_set.indices("train"), data_set.indices("validation")])
    if len(usable) > SAMPLE:
        order = np.random.default_rng(0).permutation(usable)
        usable = stratified(order, data_set.labels)[:SAMPLE]
    return np.sort(usable)


def judge(
    readings: Readings, source: SourceNetwork, calibration: Calibration | None = None
) -> SimilarityEstimate:
    """What readings mean for a network.

    Args:
        readings: Of a sample of the new images.
        source: The network that they were taken with.
        calibration: In place of the network's own.
    """
    calibration = calibration or source.calibration
    against = doubts(readings)
    verdicts = [
        verdict(model, readings, calibration, bool(against))
        for model in (calibration.top, calibration.start)
    ]
    ladder = tuple((rung["name"], rung["distance"]) for rung in source.card.get("ladder", ()))
    return SimilarityEstimate(
        *verdicts, line=calibration.line(readings.named()),
        readings=readings, reasons=reasons(readings, ladder),
        warnings=(*against, *unchecked(source), *alarms(readings, calibration)), ladder=ladder,
    )  # fmt: skip


def verdict(
    model: Logistic, readings: Readings, calibration: Calibration, doubted: bool
) -> Verdict:
    """The mean probability over the uncertainty of the gap, and the answer it gives."""
    named = readings.named(readings.gap + readings.gap_spread * QUANTILES)
    chances = np.clip(model.probability(calibration.within(named)), *BOUNDS)
    chances = np.broadcast_to(chances, QUANTILES.shape)
    probability = round(float(chances.mean()), 4)
    answer = "can't tell"
    if not doubted and probability >= SURE:
        answer = "similar"
    elif not doubted and probability <= 1 - SURE:
        answer = "different"
    low, high = (round(float(edge), 4) for edge in np.quantile(chances, (0.1, 0.9)))
    return Verdict(answer, probability, low, high)
