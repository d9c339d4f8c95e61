"""Transferability measurements in words: reasons, doubts and warnings, for people.

Every sentence chooses its words by the rounded numbers that it prints, so it cannot contradict
them.
"""

from transfer_core.cases import Size
from transfer_core.networks import SourceNetwork
from transfer_core.transferability.evidence import TransferabilityEvidence, log_distance
from transfer_core.transferability.similarity_calibration import (
    Calibration,
    is_calibrated,
    load_calibration,
)

MIN_IMAGES_PER_CLASS = 5  # images of the smallest class; with fewer nothing is claimed
MIN_IMAGES = 40  # images in all; with fewer nothing is claimed
MIN_NOTABLE_POINTS = 2  # percentage points; accuracies that differ less count as equal
MAX_NEAR_DUPLICATE_FRACTION = 0.05  # of the images; more deserve a warning
MIN_LEEP_OF_KNOWN_CLASSES = 0.7  # from which the source classes probably include the new ones

ReferenceDistances = tuple[tuple[str, float], ...]  # names and distances of known image sets


def list_doubts(evidence: TransferabilityEvidence) -> tuple[str, ...]:
    """Return the reasons, if any, for which no answer may be given."""
    doubts, chance = [], 1 / evidence.classes
    if evidence.min_images_per_class < MIN_IMAGES_PER_CLASS:
        doubts.append(
            f"The smallest class has only {evidence.min_images_per_class} images outside the test "
            "split: too few to say anything."
        )
    elif evidence.images < MIN_IMAGES:
        doubts.append(
            f"Only {evidence.images} images outside the test split: too few to say anything."
        )
    if all(stage.low <= chance for stage in evidence.stages):
        doubts.append(
            "No stage tells these classes apart better than guessing: the labels may be "
            "wrong, or the images may not show the difference."
        )
    return tuple(doubts)


def warn_if_uncalibrated(calibration: Calibration) -> tuple[str, ...]:
    """Return a warning for a network that the panel did not measure, else nothing."""
    basis = calibration.basis["top"]
    if basis.kind == "measured":
        return ()
    return (
        "The percentages were not checked for this network: its measurements are judged by those "
        f"of {basis.network}. Training both cases tells for certain.",
    )


def describe_basis(source: SourceNetwork) -> str:
    """Say which of a network's estimates were checked by measurement."""
    calibration = load_calibration(source)
    if not is_calibrated(source, "top"):
        return "Estimates for it were not checked by measurement; training tells for certain."
    if is_calibrated(source, "everything"):
        return "Estimates for it were checked by measurement."
    return (
        f"Checked by measurement, on {calibration.image_sets} image sets: whether a small data set "
        f"is similar. Not checked: whether a large one is ({_describe_start(calibration)}), and "
        "where large begins (a rule of thumb). Training tells for certain."
    )


def describe_verdict_basis(source: SourceNetwork, size: Size) -> str:
    """Say that the percentage for this size was not checked, if other percentages were."""
    if size == "small" or is_calibrated(source, "start") or not is_calibrated(source, "top"):
        return ""
    return (
        "For a large data set this percentage was not checked with this network: it is "
        f"{_describe_start(load_calibration(source))}."
    )


def describe_line_basis(source: SourceNetwork, line: int) -> str:
    """Say where the estimated dividing line between small and large comes from."""
    if is_calibrated(source, "everything"):
        return (
            f"For images like yours, training everything began to win at about {line:,} images: "
            "that is the default, measured with this network on "
            f"{load_calibration(source).image_sets} image sets. Textbooks draw the line for large "
            "networks, at 2,000 to 1,000,000 images."
        )
    return (
        f"For networks pre-trained on ImageNet {line:,} images is a rule of thumb; it was not "
        "measured with this one."
    )


def _describe_start(calibration: Calibration) -> str:
    return f"carried over from {calibration.basis['start'].network}"


def list_warnings(evidence: TransferabilityEvidence, calibration: Calibration) -> tuple[str, ...]:
    """Return what a person should know beside the answer."""
    warnings = []
    gain = compute_gain_points(evidence)
    if gain <= -MIN_NOTABLE_POINTS:
        warnings.append(
            "Pre-training does not help to tell these classes apart: a probe does better by "
            f"{-gain} points without it. Training from random weights (case 4) deserves a try."
        )
    if evidence.leep >= MIN_LEEP_OF_KNOWN_CLASSES:
        warnings.append(
            f"The network's old classes already tell {evidence.leep:.0%} of what your labels "
            "say: your images may be of kinds that it was trained on."
        )
    if evidence.num_near_duplicates > MAX_NEAR_DUPLICATE_FRACTION * evidence.images:
        warnings.append(
            f"{evidence.num_near_duplicates:,} of the {evidence.images:,} images looked at are "
            "near-copies of others. The estimate keeps them together; the split may have one in "
            "training and the other in the test, which flatters the test accuracy."
        )
    if evidence.distance and evidence.distance > calibration.furthest:
        warnings.append(
            "Your images look more foreign to the network than every image set that this "
            "estimate was checked on, so its percentages are a guess."
        )
    return tuple(warnings)


def list_reasons(
    evidence: TransferabilityEvidence, reference_distances: ReferenceDistances
) -> tuple[str, ...]:
    """Return what speaks for the answer, the most important first.

    Args:
        evidence: Measurements on the new images.
        reference_distances: Names and distances of known image sets.
    """
    reached = to_percent(evidence.best_stage.accuracy)
    lines = [
        _describe_gap(evidence),
        *_describe_distance(evidence.distance, reference_distances),
        f"What pre-training buys a probe: {compute_gain_points(evidence):+d} points (best stage "
        f"{reached}%, without pre-training {reached - compute_gain_points(evidence)}%).",
        f"The network's old classes already tell {max(0, evidence.leep):.0%} of what your labels "
        "say.",
    ]
    if not evidence.is_flip_invariant:
        lines.append(describe_flip_invariance(evidence))
    return (*lines, *_describe_disagreement(evidence, reference_distances))


def compute_gap_points(evidence: TransferabilityEvidence) -> int:
    """Return the lead of the best early stage over the top, in the percentages that are printed."""
    return to_percent(evidence.best_early_stage.accuracy) - to_percent(evidence.top.accuracy)


def compute_gain_points(evidence: TransferabilityEvidence) -> int:
    """Return the gain from pre-training, in the percentages that are printed."""
    without = to_percent(evidence.accuracy_without_pretraining)
    return to_percent(evidence.best_stage.accuracy) - without


def to_percent(share: float) -> int:
    """Return a share as the whole percentage that is printed."""
    return round(100 * share)


def _describe_gap(evidence: TransferabilityEvidence) -> str:
    best, top, points = evidence.best_early_stage, evidence.top, compute_gap_points(evidence)
    if abs(points) < MIN_NOTABLE_POINTS:
        first, second = best, top
        comparison = (
            f"{best.title} and {top.title}, the top, tell the classes apart about equally well"
        )
    elif points > 0:
        first, second = best, top
        comparison = f"{best.title} tells the classes apart better than {top.title}, the top"
    else:
        first, second = top, best
        comparison = f"{top.title}, the top, tells the classes apart better than any early stage"
    return (
        f"{comparison}: balanced accuracy {to_percent(first.accuracy)}% against "
        f"{to_percent(second.accuracy)}%."
    )


def _describe_distance(
    distance: float | None, reference_distances: ReferenceDistances
) -> tuple[str, ...]:
    if not reference_distances or distance is None:
        return ()
    nearest = min(
        reference_distances, key=lambda each: abs(log_distance(each[1]) - log_distance(distance))
    )
    return (
        f"To the network your images look about as foreign as this: {nearest[0]} "
        f"(distance of yours {distance:.2g}, of those {nearest[1]:.2g}).",
    )


def _describe_disagreement(
    evidence: TransferabilityEvidence, reference_distances: ReferenceDistances
) -> tuple[str, ...]:
    """Say so if distance and probes point at different answers."""
    if not reference_distances or evidence.distance is None:
        return ()
    distances = sorted(distance for _, distance in reference_distances)
    points = compute_gap_points(evidence)
    if evidence.distance < distances[len(distances) // 3] and points >= MIN_NOTABLE_POINTS:
        return (
            "The measurements disagree: your images look familiar to the network, but what tells "
            "your classes apart is lost towards the top. So it is with a new kind of label.",
        )
    if evidence.distance > distances[len(distances) // 2] and points <= -MIN_NOTABLE_POINTS:
        return (
            "The measurements disagree: your images look foreign to the network, but its top "
            "features tell your classes apart best all the same.",
        )
    return ()


def describe_flip_invariance(evidence: TransferabilityEvidence) -> str:
    """Say whether a mirror image keeps its label, for people."""
    flips = evidence.flip_invariance
    if flips is None:
        return "Too few images to tell whether a mirror image keeps its label."
    change = (
        f"from {flips.original_accuracy:.0%} on images to {flips.mirrored:.0%} on their mirror "
        "images"
    )
    if evidence.is_flip_invariant:
        return f"A probe that knows no mirror images goes {change}: they seem to keep their labels."
    return (
        f"A probe that knows no mirror images falls {change}: left and right seem to make a "
        "difference here, as in letters, so training images are not mirrored."
    )
