"""Transferability measurements in words: the reasons for an answer, for people.

Every sentence chooses its words by the rounded numbers that it prints, so it cannot contradict
them.
"""

from transfer_core.languages import N_, _
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
        _(
            "The network's old classes already tell {share:.0%} of what your labels say.",
            share=max(0, evidence.leep),
        ),
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
        text = N_(
            "{early} and {top}, the top, tell the classes apart about equally well: balanced "
            "accuracy {early_accuracy}% against {top_accuracy}%."
        )
    elif points > 0:
        text = N_(
            "{early} tells the classes apart better than {top}, the top: balanced accuracy "
            "{early_accuracy}% against {top_accuracy}%."
        )
    else:
        text = N_(
            "{top}, the top, tells the classes apart better than any early stage: balanced "
            "accuracy {top_accuracy}% against {early_accuracy}%."
        )
    values = {
        "early": _(best.title),
        "top": _(top.title),
        "early_accuracy": to_percent(best.accuracy),
        "top_accuracy": to_percent(top.accuracy),
    }
    return _(text, **values)


def _describe_gain(evidence: TransferabilityEvidence) -> str:
    points, reached = compute_gain_points(evidence), to_percent(evidence.best_stage.accuracy)
    return _(
        "What pre-training buys a new layer: {points:+d} points (best stage {reached}%, without "
        "pre-training {without}%).",
        points=points,
        reached=reached,
        without=reached - points,
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
        return (
            _(
                "These two comparisons point to {answer}. But on image sets with such numbers that "
                "was true only about half the time, so it can't tell.",
                answer=_("similar") if seems_similar else _("different"),
            ),
        )
    if seems_similar == (probability >= 0.5):
        return ()
    if seems_similar:
        return (
            _(
                "But on image sets with such numbers an early stage was mostly better in the end, "
                "or pre-training of little use."
            ),
        )
    return (_("But on image sets with such numbers higher-level features mostly carried over."),)


def _describe_distance(
    distance: float | None, reference_distances: ReferenceDistances
) -> tuple[str, ...]:
    if not reference_distances or distance is None:
        return ()
    nearest = min(
        reference_distances, key=lambda each: abs(log_distance(each[1]) - log_distance(distance))
    )
    return (
        _(
            "To the network your images look about as foreign as this: {name} (distance of yours "
            "{distance:.2g}, of those {other:.2g}).",
            name=_(nearest[0]),
            distance=distance,
            other=nearest[1],
        ),
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
            _(
                "The measurements disagree: your images look familiar to the network, but what "
                "tells your classes apart is lost towards the top. So it is with a new kind of "
                "label."
            ),
        )
    if evidence.distance > distances[len(distances) // 2] and points <= -MIN_NOTABLE_POINTS:
        return (
            _(
                "The measurements disagree: your images look foreign to the network, but its top "
                "features tell your classes apart best all the same."
            ),
        )
    return ()


def describe_flip_invariance(evidence: TransferabilityEvidence) -> str:
    """Say whether a mirror image keeps its label, for people."""
    flips = evidence.flip_invariance
    if flips is None:
        return _("Too few images to tell whether a mirror image keeps its label.")
    if evidence.is_flip_invariant:
        text = N_(
            "A new layer that knows no mirror images goes from {original:.0%} on images to "
            "{mirrored:.0%} on their mirror images: they seem to keep their labels."
        )
    else:
        text = N_(
            "A new layer that knows no mirror images falls from {original:.0%} on images to "
            "{mirrored:.0%} on their mirror images: left and right seem to make a difference here, "
            "as in letters, so training images are not mirrored."
        )
    return _(text, original=flips.original_accuracy, mirrored=flips.mirrored)
