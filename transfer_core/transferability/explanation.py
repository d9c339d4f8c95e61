"""Transferability measurements in words: the reasons for an answer, for people.

Every sentence chooses its words by the rounded numbers that it prints, so it cannot contradict
them.
"""

from transfer_core.transferability.evidence import TransferabilityEvidence, log_distance

MIN_NOTABLE_POINTS = 2  # percentage points; accuracies that differ less count as equal
OPEN_PROBABILITIES = (0.4, 0.6)  # of "similar"; in between the answer is open

ReferenceDistances = tuple[tuple[str, float], ...]  # names and distances of known image sets


def list_reasons(
    evidence: TransferabilityEvidence,
    reference_distances: ReferenceDistances,
    probability: float | None,
) -> tuple[str, ...]:
    """Return what speaks for the answer, the most important first.

    Args:
        evidence: Measurements on the new images.
        reference_distances: Names and distances of known image sets.
        probability: Of "similar", in [0, 1]; None if no answer may be given.
    """
    lines = [
        _describe_gap(evidence),
        _describe_gain(evidence),
        *_describe_experience(evidence, probability),
        *_describe_distance(evidence.distance, reference_distances),
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


def is_open(probability: float) -> bool:
    """Whether a probability of "similar" leaves the answer open."""
    return OPEN_PROBABILITIES[0] < probability < OPEN_PROBABILITIES[1]


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


def _describe_gain(evidence: TransferabilityEvidence) -> str:
    points, reached = compute_gain_points(evidence), to_percent(evidence.best_stage.accuracy)
    return (
        f"What pre-training buys a new layer: {points:+d} points (best stage {reached}%, without "
        f"pre-training {reached - points}%)."
    )


def _describe_experience(
    evidence: TransferabilityEvidence, probability: float | None
) -> tuple[str, ...]:
    """Say so if the answer is not the one that the two comparisons seem to give."""
    if probability is None:
        return ()
    top_is_enough = compute_gap_points(evidence) < MIN_NOTABLE_POINTS
    seems_similar = top_is_enough and compute_gain_points(evidence) >= MIN_NOTABLE_POINTS
    if is_open(probability):
        seeming = "similar" if seems_similar else "different"
        return (
            f"These two comparisons point to {seeming}. But on image sets with such numbers that "
            "was true only about half the time, so it can't tell.",
        )
    if seems_similar == (probability >= 0.5):
        return ()
    if seems_similar:
        return (
            "But on image sets with such numbers an early stage was mostly better in the end, or "
            "pre-training of little use.",
        )
    return ("But on image sets with such numbers higher-level features mostly carried over.",)


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
        return (
            f"A new layer that knows no mirror images goes {change}: they seem to keep their "
            "labels."
        )
    return (
        f"A new layer that knows no mirror images falls {change}: left and right seem to make a "
        "difference here, as in letters, so training images are not mirrored."
    )
