"""Learning curve: the accuracy of a probe against the number of images, and its extrapolation."""

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from scipy.optimize import curve_fit

from transfer_core.transferability.evidence import LearningCurve, round_values
from transfer_core.transferability.grouped_folds import assign_grouped_folds, stratify_order
from transfer_core.transferability.probes import fit_probe

TRAIN_FRACTIONS = (1 / 8, 1 / 4, 1 / 2, 1.0)  # of the training images
REPEATS = 6
EXTRAPOLATION_FACTORS = (1, 2, 4)  # times the images that there are; beyond, nothing is claimed
MIN_EXPONENT, MAX_EXPONENT = 0.05, 1.0  # range of exponents seen in practice


def measure_learning_curve(
    stage: str, kernel: torch.Tensor, labels: np.ndarray, groups: Sequence[Hashable]
) -> LearningCurve:
    """Measure a probe on growing parts of the images and extrapolate its accuracy.

    The error is assumed to fall as e(n) = a + b n^-g, with n the images per class. Such
    extrapolations are off by several points: they show whether more images pay, not how much.

    Args:
        stage: Name of the stage.
        kernel: From `probes.compute_kernel`, of the embeddings at that stage.
        labels: Class indices from 0, every class present, int64 (N,).
        groups: Group of each image; near-duplicates share one.

    Source:
        Power laws of learning curves: Hestness et al. 2017, "Deep learning scaling is
        predictable, empirically".
    """
    classes = int(labels.max()) + 1
    measured, images = np.empty((REPEATS, len(TRAIN_FRACTIONS))), np.empty(len(TRAIN_FRACTIONS))
    for repeat in range(REPEATS):
        folds = assign_grouped_folds(labels, groups, seed=repeat)
        held_out = folds == folds.min()  # with few groups, fold 0 may be empty
        order = np.random.default_rng(repeat).permutation(np.flatnonzero(~held_out))
        order = stratify_order(order, labels)
        for column, share in enumerate(TRAIN_FRACTIONS):
            chosen = order[: max(2, round(share * len(order)))]
            images[column] = len(chosen) / classes
            train = np.isin(np.arange(len(labels)), chosen)
            probe = fit_probe(kernel, labels, train, held_out)
            measured[repeat, column] = probe.balanced_accuracy()
    accuracy, per_class = measured.mean(0), len(labels) / classes
    further = tuple(float(times * per_class) for times in EXTRAPOLATION_FACTORS)
    return LearningCurve(
        stage,
        round_values(images),
        round_values(accuracy),
        round_values(measured.std(0)),
        further,
        _extrapolate(images, accuracy, further),
    )


def _extrapolate(
    images: np.ndarray, accuracy: np.ndarray, extrapolated_images_per_class
) -> tuple[float, ...]:
    """Accuracy of the fitted power law at these numbers of images; it never falls."""

    def compute_error(n, lowest, height, exponent):
        return lowest + height * n**-exponent

    try:
        parameters, _ = curve_fit(
            compute_error,
            images,
            1 - accuracy,
            p0=(0.05, 0.5, 0.4),
            maxfev=5_000,
            bounds=([0, 0, MIN_EXPONENT], [1, 10, MAX_EXPONENT]),
        )
    except RuntimeError:  # no fit: assume that the accuracy stays
        return round_values([accuracy[-1]] * len(extrapolated_images_per_class))
    errors = compute_error(np.array(extrapolated_images_per_class), *parameters)
    return round_values(np.clip(1 - errors, 0, 1))
