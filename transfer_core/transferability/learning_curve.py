"""Learning curve: a new layer's accuracy by the number of images, and its extrapolation."""

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from scipy.optimize import curve_fit

from transfer_core.transferability.evidence import LearningCurve, round_values
from transfer_core.transferability.grouped_folds import assign_grouped_folds, stratify_order
from transfer_core.transferability.head_cross_validation import (
    CrossValidated,
    train_heads,
)

TRAIN_FRACTIONS = (1 / 8, 1 / 4, 1 / 2, 1.0)  # of the training images
REPEATS = 3
MAX_REPEATED_CLASSES = 50  # classes; the curve of more is smooth enough
EXTRAPOLATION_FACTORS = (1, 2, 4)  # times the images that there are; beyond, nothing is claimed
MIN_EXPONENT, MAX_EXPONENT = 0.05, 1.0  # range of exponents seen in practice


def measure_learning_curve(
    stage: str, kernel: torch.Tensor, labels: np.ndarray, groups: Sequence[Hashable]
) -> LearningCurve:
    """Measure a new layer on growing parts of the images and extrapolate its accuracy.

    The error is assumed to fall as e(n) = a + b n^-g, with n the images per class. Such
    extrapolations are off by several points: they show whether more images pay, not how much.

    Args:
        stage: Name of the stage.
        kernel: From `compute_kernel`, of the embeddings at that stage.
        labels: Class indices from 0, every class present, int64 (N,).
        groups: Group of each image; near-duplicates share one.

    Source:
        Power laws of learning curves: Hestness et al. 2017, "Deep learning scaling is
        predictable, empirically".
    """
    classes, splits = int(labels.max()) + 1, []
    for repeat in range(REPEATS if classes <= MAX_REPEATED_CLASSES else 1):
        folds = assign_grouped_folds(labels, groups, seed=repeat)
        held_out = folds == folds.min()  # with few groups, fold 0 may be empty
        order = np.random.default_rng(repeat).permutation(np.flatnonzero(~held_out))
        order = stratify_order(order, labels)
        splits += [
            (order[: max(2, round(share * len(order)))], held_out) for share in TRAIN_FRACTIONS
        ]
    trained = np.array([np.isin(np.arange(len(labels)), chosen) for chosen, _ in splits])
    predicted = train_heads(kernel, labels, trained).predict(kernel)
    measured = np.array(
        [
            CrossValidated(
                (row == labels)[held_out].astype(float), labels[held_out]
            ).balanced_accuracy()
            for row, (_, held_out) in zip(predicted, splits, strict=True)
        ]
    ).reshape(-1, len(TRAIN_FRACTIONS))
    images = np.array([len(chosen) / classes for chosen, _ in splits[: len(TRAIN_FRACTIONS)]])
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
