"""Readings in words: what speaks for an answer, what against, what a person should know."""

from transfer_core.networks.calibration import Calibration
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.transferability.evidence import Readings, log_distance

FEWEST_PER_CLASS = 5  # images of a class, below which nothing is claimed
FEWEST = 40  # images in all, below which nothing is claimed
UNNOTICEABLE = 0.02  # difference of two accuracies not worth a word
MANY_COPIES = 0.05  # share of near-copies worth a word
KNOWN = 0.7  # share of the labels that the source classes explain, from which they are known


def doubts(readings: Readings) -> tuple[str, ...]:
    """What forbids an answer."""
    told, chance = [], 1 / readings.classes
    if readings.fewest < FEWEST_PER_CLASS:
        told.append(
            f"The smallest class has only {readings.fewest} images outside the test split: "
            "too few to say anything."
        )
    elif readings.images < FEWEST:
        told.append(
            f"Only {readings.images} images outside the test split: too few to say anything."
        )
    if all(stage.low <= chance for stage in readings.stages):
        told.append(
            "No stage tells these classes apart better than guessing: the labels may be "
            "wrong, or the images may not show the difference."
        )
    return tuple(told)


def unchecked(source: SourceNetwork) -> tuple[str, ...]:
    """That nothing was measured of a network, where nothing was."""
    if source.measured:
        return ()
    return (
        "The percentages were not checked for this network: its readings are judged by what was "
        "measured of the demonstration network. Training both cases tells for certain.",
    )


def alarms(readings: Readings, calibration: Calibration) -> tuple[str, ...]:
    """What a person should know beside the answer."""
    told = []
    if readings.gain < -UNNOTICEABLE:
        told.append(
            "Pre-training does not help to tell these classes apart: a probe does better by "
            f"{-100 * readings.gain:.0f} points without it. Training from random weights "
            "(case 4) deserves a try."
        )
    if readings.share >= KNOWN:
        told.append(
            f"The network's old classes already tell {readings.share:.0%} of what your labels "
            "say: your images may be of kinds that it was trained on."
        )
    if readings.copies > MANY_COPIES * readings.images:
        told.append(
            f"{readings.copies:,} of the {readings.images:,} images looked at are near-copies of "
            "others. The estimate keeps them together; the split may have one in training and "
            "the other in the test, which flatters the test accuracy."
        )
    if readings.distance and readings.distance > calibration.furthest:
        told.append(
            "Your images look more foreign to the network than every image set that this "
            "estimate was checked on, so its percentages are a guess."
        )
    return tuple(told)


def reasons(readings: Readings, ladder: tuple[tuple[str, float], ...]) -> tuple[str, ...]:
    """What speaks for the answer, most telling first.

    Args:
        readings: Of the new images.
        ladder: Names and distances of known image sets.
    """
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
    lines = [
        f"{told}: {accuracies}.",
        *_as_foreign(distance, ladder),
        f"What pre-training buys a probe: {100 * readings.gain:+.0f} points (best stage "
        f"{reached:.0%}, without pre-training {reached - readings.gain:.0%}).",
        f"The network's old classes already tell {max(0, readings.share):.0%} of what your labels "
        "say.",
    ]
    if not readings.mirror_keeps_labels:
        lines.append(mirroring_in_words(readings))
    if not ladder or distance is None:
        return tuple(lines)
    rungs = sorted(rung for _, rung in ladder)
    if distance < rungs[len(rungs) // 3] and readings.gap > UNNOTICEABLE:
        lines.append(
            "The readings disagree: your images look familiar to the network, but what tells "
            "your classes apart is lost towards the top. So it is with a new kind of label."
        )
    elif distance > rungs[len(rungs) // 2] and readings.gap < -UNNOTICEABLE:
        lines.append(
            "The readings disagree: your images look foreign to the network, but its top "
            "features tell your classes apart best all the same."
        )
    return tuple(lines)


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
