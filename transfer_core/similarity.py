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

from transfer_core import images
from transfer_core.cache_limit import NoRoom, adding, mark_used
from transfer_core.cases import Size
from transfer_core.dataset import DataSet
from transfer_core.embedding_cache import cache_folder
from transfer_core.folds import stratified
from transfer_core.networks.calibration import Calibration, Logistic
from transfer_core.networks.catalog import SourceNetwork
from transfer_core.readings import Readings, from_json, log_distance

if TYPE_CHECKING:
    from transfer_core.reader import Progress

SAMPLE = 2_000  # images at most
FORMAT = 2  # of kept readings; grows when a reading is added or taken otherwise
FEWEST_PER_CLASS = 5  # images of a class, below which nothing is claimed
FEWEST = 40  # images in all, below which nothing is claimed
UNNOTICEABLE = 0.02  # difference of two accuracies not worth a word
SURE = 0.8  # probability from which an answer is given; below 1 - SURE the other one
BOUNDS = (0.05, 0.95)  # no estimate claims more certainty than this
MANY_COPIES = 0.05  # share of near-copies worth a word
KNOWN = 0.7  # share of the labels that the source classes explain, from which they are known
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
    from transfer_core.reader import read  # brings torch, which kept readings do without

    report = progress or (lambda what, done, total: None)
    pixels = images.Pixels(home, data_set, transform).read(
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
    doubts = _doubts(readings)
    verdicts = [
        verdict(model, readings, calibration, bool(doubts))
        for model in (calibration.top, calibration.start)
    ]
    ladder = tuple((rung["name"], rung["distance"]) for rung in source.card.get("ladder", ()))
    return SimilarityEstimate(
        *verdicts, line=calibration.line(readings.named()),
        readings=readings, reasons=_reasons(readings, ladder),
        warnings=(*doubts, *_unchecked(source), *_alarms(readings, calibration)), ladder=ladder,
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


def _doubts(readings: Readings) -> tuple[str, ...]:
    """What forbids an answer."""
    doubts, chance = [], 1 / readings.classes
    if readings.fewest < FEWEST_PER_CLASS:
        doubts.append(
            f"The smallest class has only {readings.fewest} images outside the test split: "
            "too few to say anything."
        )
    elif readings.images < FEWEST:
        doubts.append(
            f"Only {readings.images} images outside the test split: too few to say anything."
        )
    if all(stage.low <= chance for stage in readings.stages):
        doubts.append(
            "No stage tells these classes apart better than guessing: the labels may be "
            "wrong, or the images may not show the difference."
        )
    return tuple(doubts)


def _unchecked(source: SourceNetwork) -> tuple[str, ...]:
    if source.measured:
        return ()
    return (
        "The percentages were not checked for this network: its readings are judged by what was "
        "measured of the demonstration network. Training both cases tells for certain.",
    )


def _alarms(readings: Readings, calibration: Calibration) -> tuple[str, ...]:
    """What a person should know beside the answer."""
    alarms = []
    if readings.gain < -UNNOTICEABLE:
        alarms.append(
            "Pre-training does not help to tell these classes apart: a probe does better by "
            f"{-100 * readings.gain:.0f} points without it. Training from random weights "
            "(case 4) deserves a try."
        )
    if readings.share >= KNOWN:
        alarms.append(
            f"The network's old classes already tell {readings.share:.0%} of what your labels "
            "say: your images may be of kinds that it was trained on."
        )
    if readings.copies > MANY_COPIES * readings.images:
        alarms.append(
            f"{readings.copies:,} of the {readings.images:,} images looked at are near-copies of "
            "others. The estimate keeps them together; the split may have one in training and "
            "the other in the test, which flatters the test accuracy."
        )
    if readings.distance and readings.distance > calibration.furthest:
        alarms.append(
            "Your images look more foreign to the network than every image set that this "
            "estimate was checked on, so its percentages are a guess."
        )
    return tuple(alarms)


def _reasons(readings: Readings, ladder: tuple[tuple[str, float], ...]) -> tuple[str, ...]:
    best, top, distance = readings.best_early, readings.top, readings.distance
    accuracies = f"balanced accuracy {best.accuracy:.0%} against {top.accuracy:.0%}"
    if abs(readings.gap) < UNNOTICEABLE:
        told = f"{best.title} and {top.title}, the top, tell the classes apart about equally well"
    elif readings.gap > 0:
        told = f"{best.title} tells the classes apart better than {top.title}, the top"
    else:
        told = f"{top.title}, the top, tells the classes apart better than any early stage"
        accuracies = f"balanced accuracy {top.accuracy:.0%} against {best.accuracy:.0%}"
    reached = max(stage.accuracy for stage in readings.stages)
    reasons = [
        f"{told}: {accuracies}.",
        *_as_foreign(distance, ladder),
        f"What pre-training buys a probe: {100 * readings.gain:+.0f} points (best stage "
        f"{reached:.0%}, without pre-training {reached - readings.gain:.0%}).",
        f"The network's old classes already tell {max(0, readings.share):.0%} of what your labels "
        "say.",
    ]
    if not readings.mirror_keeps_labels:
        reasons.append(mirroring_in_words(readings))
    if not ladder or distance is None:
        return tuple(reasons)
    rungs = sorted(rung for _, rung in ladder)
    if distance < rungs[len(rungs) // 3] and readings.gap > UNNOTICEABLE:
        reasons.append(
            "The readings disagree: your images look familiar to the network, but what tells "
            "your classes apart is lost towards the top. So it is with a new kind of label."
        )
    elif distance > rungs[len(rungs) // 2] and readings.gap < -UNNOTICEABLE:
        reasons.append(
            "The readings disagree: your images look foreign to the network, but its top "
            "features tell your classes apart best all the same."
        )
    return tuple(reasons)


def _as_foreign(distance: float | None, ladder: tuple[tuple[str, float], ...]) -> tuple[str, ...]:
    if not ladder or distance is None:
        return ()
    nearest = min(ladder, key=lambda rung: abs(log_distance(rung[1]) - log_distance(distance)))
    return (
        f"To the network your images look about as foreign as this: {nearest[0]} "
        f"(distance of yours {distance:.2g}, of those {nearest[1]:.2g}).",
    )


def mirroring_in_words(readings: Readings) -> str:
    """Whether a mirror image keeps its label, for people."""
    told = readings.mirroring
    if told is None:
        return "Too few images to tell whether a mirror image keeps its label."
    fell = f"from {told.plain:.0%} on images to {told.mirrored:.0%} on their mirror images"
    if readings.mirror_keeps_labels:
        return f"A probe that knows no mirror images goes {fell}: they seem to keep their labels."
    return (
        f"A probe that knows no mirror images falls {fell}: left and right seem to make a "
        "difference here, as in letters, so training images are not mirrored."
    )
