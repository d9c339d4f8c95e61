"""Readings in words: what speaks for an answer, what against, what a person should know."""

from transfer_core.networks.source_network import SourceNetwork
from transfer_core.transferability.calibration import Calibration, is_calibrated
from transfer_core.transferability.evidence import TransferabilityEvidence, log_distance

MIN_IMAGES_PER_CLASS = 5  # images of a class, below which nothing is claimed
MIN_IMAGES = 40  # images in all, below which nothing is claimed
MIN_NOTABLE_DIFFERENCE = 0.02  # difference of two accuracies not worth a word
MAX_NEAR_DUPLICATE_FRACTION = 0.05  # share of near-copies worth a word
MIN_LEEP_OF_KNOWN_CLASSES = (
    0.7  # share of the labels that the source classes explain, from which they are known
)


def list_doubts(evidence: TransferabilityEvidence) -> tuple[str, ...]:
    """What forbids an answer."""
    told, chance = [], 1 / evidence.classes
    if evidence.min_images_per_class < MIN_IMAGES_PER_CLASS:
        told.append(
            f"The smallest class has only {evidence.min_images_per_class} images outside the test split: "
            "too few to say anything."
        )
    elif evidence.images < MIN_IMAGES:
        told.append(
            f"Only {evidence.images} images outside the test split: too few to say anything."
        )
    if all(stage.low <= chance for stage in evidence.stages):
        told.append(
            "No stage tells these classes apart better than guessing: the labels may be "
            "wrong, or the images may not show the difference."
        )
    return tuple(told)


def warn_if_uncalibrated(source: SourceNetwork) -> tuple[str, ...]:
    """That nothing was measured of a network, where nothing was."""
    if is_calibrated(source):
        return ()
    return (
        "The percentages were not checked for this network: its readings are judged by what was "
        "measured of the demonstration network. Training both cases tells for certain.",
    )


def list_warnings(evidence: TransferabilityEvidence, calibration: Calibration) -> tuple[str, ...]:
    """What a person should know beside the answer."""
    told = []
    if evidence.pretraining_gain < -MIN_NOTABLE_DIFFERENCE:
        told.append(
            "Pre-training does not help to tell these classes apart: a probe does better by "
            f"{-100 * evidence.pretraining_gain:.0f} points without it. Training from random weights "
            "(case 4) deserves a try."
        )
    if evidence.leep >= MIN_LEEP_OF_KNOWN_CLASSES:
        told.append(
            f"The network's old classes already tell {evidence.leep:.0%} of what your labels "
            "say: your images may be of kinds that it was trained on."
        )
    if evidence.num_near_duplicates > MAX_NEAR_DUPLICATE_FRACTION * evidence.images:
        told.append(
            f"{evidence.num_near_duplicates:,} of the {evidence.images:,} images looked at are near-copies of "
            "others. The estimate keeps them together; the split may have one in training and "
            "the other in the test, which flatters the test accuracy."
        )
    if evidence.distance and evidence.distance > calibration.furthest:
        told.append(
            "Your images look more foreign to the network than every image set that this "
            "estimate was checked on, so its percentages are a guess."
        )
    return tuple(told)


def list_reasons(
    evidence: TransferabilityEvidence, reference_distances: tuple[tuple[str, float], ...]
) -> tuple[str, ...]:
    """What speaks for the answer, most telling first.

    Args:
        evidence: Of the new images.
        reference_distances: Names and distances of known image sets.
    """
    best, top, distance = evidence.best_early_stage, evidence.top, evidence.distance
    accuracies = f"balanced accuracy {best.accuracy:.0%} against {top.accuracy:.0%}"
    if abs(evidence.gap) < MIN_NOTABLE_DIFFERENCE:
        told = f"{best.title} and {top.title}, the top, tell the classes apart about equally well"
    elif evidence.gap > 0:
        told = f"{best.title} tells the classes apart better than {top.title}, the top"
    else:
        told = f"{top.title}, the top, tells the classes apart better than any early stage"
        accuracies = f"balanced accuracy {top.accuracy:.0%} against {best.accuracy:.0%}"
    reached = max(stage.accuracy for stage in evidence.stages)
    lines = [
        f"{told}: {accuracies}.",
        *_describe_distance(distance, reference_distances),
        f"What pre-training buys a probe: {100 * evidence.pretraining_gain:+.0f} points (best stage "
        f"{reached:.0%}, without pre-training {reached - evidence.pretraining_gain:.0%}).",
        f"The network's old classes already tell {max(0, evidence.leep):.0%} of what your labels "
        "say.",
    ]
    if not evidence.is_flip_invariant:
        lines.append(describe_flip_invariance(evidence))
    if not reference_distances or distance is None:
        return tuple(lines)
    rungs = sorted(rung for _, rung in reference_distances)
    if distance < rungs[len(rungs) // 3] and evidence.gap > MIN_NOTABLE_DIFFERENCE:
        lines.append(
            "The readings disagree: your images look familiar to the network, but what tells "
            "your classes apart is lost towards the top. So it is with a new kind of label."
        )
    elif distance > rungs[len(rungs) // 2] and evidence.gap < -MIN_NOTABLE_DIFFERENCE:
        lines.append(
            "The readings disagree: your images look foreign to the network, but its top "
            "features tell your classes apart best all the same."
        )
    return tuple(lines)


def _describe_distance(
    distance: float | None, reference_distances: tuple[tuple[str, float], ...]
) -> tuple[str, ...]:
    if not reference_distances or distance is None:
        return ()
    nearest = min(
        reference_distances, key=lambda rung: abs(log_distance(rung[1]) - log_distance(distance))
    )
    return (
        f"To the network your images look about as foreign as this: {nearest[0]} "
        f"(distance of yours {distance:.2g}, of those {nearest[1]:.2g}).",
    )


def describe_flip_invariance(evidence: TransferabilityEvidence) -> str:
    """Whether a mirror image keeps its label, for people."""
    told = evidence.flip_invariance
    if told is None:
        return "Too few images to tell whether a mirror image keeps its label."
    fell = (
        f"from {told.original_accuracy:.0%} on images to {told.mirrored:.0%} on their mirror images"
    )
    if evidence.is_flip_invariant:
        return f"A probe that knows no mirror images goes {fell}: they seem to keep their labels."
    return (
        f"A probe that knows no mirror images falls {fell}: left and right seem to make a "
        "difference here, as in letters, so training images are not mirrored."
    )
