"""What would more images bring? A probe's accuracy against images, and its continuation."""

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from scipy.optimize import curve_fit

from transfer_core.transferability.cross_validation import assign_grouped_folds, stratify_order
from transfer_core.transferability.evidence import LearningCurve
from transfer_core.transferability.probes import fit_probe

TRAIN_FRACTIONS = (1 / 8, 1 / 4, 1 / 2, 1.0)  # of the images to learn from
REPEATS = 6
EXTRAPOLATION_FACTORS = (1, 2, 4)  # as many images as there are; no claim beyond
MIN_EXPONENT, MAX_EXPONENT = 0.05, 1.0  # exponents of learning curves in practice


def measure_learning_curve(
    stage: str, kernel: torch.Tensor, labels: np.ndarray, groups: Sequence[Hashable]
) -> LearningCurve:
    """Measure a probe on growing parts of the images and continue the curve.

    The error is taken to fall as e(n) = a + b n^-g, with n the images per class. Such
    continuations are off by several points; they tell whether more images pay, not how much.

    Args:
        stage: Whose embeddings these are.
        kernel: From `probes.compute_kernel`, of the embeddings at that stage.
        labels: Class indices from 0, every class present, int64 (N,).
        groups: Of each image; copies of one image share theirs.

    Source:
        Power laws of learning curves: Hestness et al. 2017, "Deep learning scaling is
        predictable, empirically".
    """
    classes = int(labels.max()) + 1
    found, images = np.empty((REPEATS, len(TRAIN_FRACTIONS))), np.empty(len(TRAIN_FRACTIONS))
    for repeat in range(REPEATS):
        folds = assign_grouped_folds(labels, groups, seed=repeat)
        order = np.random.default_rng(repeat).permutation(np.flatnonzero(folds != 0))
        order = stratify_order(order, labels)
        for column, share in enumerate(TRAIN_FRACTIONS):
            chosen = order[: max(2, round(share * len(order)))]
            images[column] = len(chosen) / classes
            train = np.isin(np.arange(len(labels)), chosen)
            probe = fit_probe(kernel, labels, train, folds == 0)
            found[repeat, column] = probe.balanced_accuracy()
    accuracy, most = found.mean(0), len(labels) / classes
    further = tuple(float(times * most) for times in EXTRAPOLATION_FACTORS)
    return LearningCurve(
        stage,
        tuple(map(float, images)),
        tuple(map(float, accuracy)),
        tuple(map(float, found.std(0))),
        further,
        _extrapolate(images, accuracy, further),
    )


def _extrapolate(
    images: np.ndarray, accuracy: np.ndarray, extrapolated_images_per_class
) -> tuple[float, ...]:
    """The power law's accuracy further on, which never falls."""

    def compute_error(n, lowest, height, exponent):
        return lowest + height * n**-exponent

    try:
        found, _ = curve_fit(
            compute_error,
            images,
            1 - accuracy,
            p0=(0.05, 0.5, 0.4),
            maxfev=5_000,
            bounds=([0, 0, MIN_EXPONENT], [1, 10, MAX_EXPONENT]),
        )
    except RuntimeError:  # no fit: the last figure stands for all
        return tuple(float(accuracy[-1]) for _ in extrapolated_images_per_class)
    return tuple(
        float(np.clip(1 - compute_error(n, *found), 0, 1)) for n in extrapolated_images_per_class
    )
