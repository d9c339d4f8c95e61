"""Doubts, for which no answer may be given, and warnings beside an answer, for people."""

from math import ceil

import numpy as np

from transfer_core.languages import _
from transfer_core.transferability.evidence import TransferabilityEvidence
from transfer_core.transferability.explanation import MIN_NOTABLE_POINTS, compute_gain_points
from transfer_core.transferability.similarity_calibration import Calibration

MIN_IMAGES_PER_CLASS = 5  # images of the smallest class; with fewer nothing is claimed
MIN_IMAGES = 40  # images in all; with fewer nothing is claimed
MAX_NEAR_DUPLICATE_FRACTION = 0.05  # of the images; more deserve a warning
MIN_LEEP_OF_KNOWN_CLASSES = 0.7  # from which the source classes probably include the new ones
GAIN_QUANTILE = 0.975  # of the gain's bootstrap draws; harm is claimed only if it is below 0


def list_doubts(evidence: TransferabilityEvidence) -> tuple[str, ...]:
    """Return the reasons, if any, for which no answer may be given."""
    if has_too_few_images(evidence):
        wanted = max(MIN_IMAGES_PER_CLASS, ceil(MIN_IMAGES / evidence.classes))
        return (
            _(
                "Too few images to say: bring at least {wanted} in each class, not counting test "
                "images. Now there are {images:,}, of the smallest class {smallest:,}.",
                wanted=wanted,
                images=evidence.images,
                smallest=evidence.min_images_per_class,
            ),
        )
    if is_guessing(evidence):
        return (
            _(
                "No stage tells these classes apart better than guessing: the labels may be "
                "wrong, or the images may not show the difference."
            ),
        )
    return ()


def has_too_few_images(evidence: TransferabilityEvidence) -> bool:
    """Whether the sample is too small to claim anything from it."""
    return evidence.min_images_per_class < MIN_IMAGES_PER_CLASS or evidence.images < MIN_IMAGES


def is_guessing(evidence: TransferabilityEvidence) -> bool:
    """Whether no stage tells the classes apart better than guessing."""
    return all(stage.low <= 1 / evidence.classes for stage in evidence.stages)


def list_warnings(evidence: TransferabilityEvidence, calibration: Calibration) -> tuple[str, ...]:
    """Return what a person should know beside the answer; with too few images only that."""
    doubts = list_doubts(evidence)
    if has_too_few_images(evidence):
        return doubts
    warnings = [*doubts, *_warn_if_uncalibrated(calibration)]
    gain = compute_gain_points(evidence)
    if gain <= -MIN_NOTABLE_POINTS and np.quantile(evidence.draws.gain, GAIN_QUANTILE) < 0:
        warnings.append(
            _(
                "Pre-training does not help to tell these classes apart: a new layer does better "
                "by {points} points without it.",
                points=-gain,
            )
        )
    if evidence.leep >= MIN_LEEP_OF_KNOWN_CLASSES:
        warnings.append(
            _(
                "The network's old classes already tell {share:.0%} of what your labels say: your "
                "images may be of kinds that it was trained on.",
                share=evidence.leep,
            )
        )
    warnings += warn_of_near_copies(evidence)
    if evidence.distance and evidence.distance > calibration.furthest:
        warnings.append(
            _(
                "Your images look more foreign to the network than every image set that this "
                "estimate was checked on, so its percentages are a guess."
            )
        )
    return tuple(warnings)


def warn_of_near_copies(evidence: TransferabilityEvidence) -> tuple[str, ...]:
    """Return a warning if many images nearly repeat others, else nothing."""
    if evidence.num_near_duplicates <= MAX_NEAR_DUPLICATE_FRACTION * evidence.images:
        return ()
    return (
        _(
            "Many of your images are near-copies of others: Repair counts and shows them. Where "
            "one is in training and its copy in the test, the test accuracy is flattered."
        ),
    )


def _warn_if_uncalibrated(calibration: Calibration) -> tuple[str, ...]:
    """Return a warning for a network that the panel did not measure, else nothing."""
    basis = calibration.basis["similarity"]
    if basis.kind == "measured":
        return ()
    return (
        _(
            "The percentages were not checked for this network: its measurements are judged by "
            "those of {network}. Training tells for certain.",
            network=_(basis.network),
        ),
    )
