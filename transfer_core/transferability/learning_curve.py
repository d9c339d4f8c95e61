"""What would more images bring? A probe's accuracy against images, and its continuation."""

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from scipy.optimize import curve_fit

from transfer_core.transferability.cross_validation import grouped_folds, stratified
from transfer_core.transferability.evidence import LearningCurve
from transfer_core.transferability.probes import fitted

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)  # of the images to learn from
REPEATS = 6
TIMES = (1, 2, 4)  # as many images as there are; no claim beyond
FLATTEST, STEEPEST = 0.05, 1.0  # exponents of learning curves in practice


def learning_curve(
    stage: str, inputs: torch.Tensor, labels: np.ndarray, groups: Sequence[Hashable]
) -> LearningCurve:
    """Measure a probe on growing parts of the images and continue the curve.

    The error is taken to fall as e(n) = a + b n^-g, with n the images per class. Such
    continuations are off by several points; they tell whether more images pay, not how much.

    Args:
        stage: Whose embeddings these are.
        inputs: From `probes.kernel`, of the embeddings at that stage.
        labels: Class indices from 0, every class present, int64 (N,).
        groups: Of each image; copies of one image share theirs.

    Source:
        Power laws of learning curves: Hestness et al. 2017, "Deep learning scaling is
        predictable, empirically".
    """
    classes = int(labels.max()) + 1
    found, images = np.empty((REPEATS, len(SHARES))), np.empty(len(SHARES))
    for repeat in range(REPEATS):
        folds = grouped_folds(labels, groups, seed=repeat)
        order = np.random.default_rng(repeat).permutation(np.flatnonzero(folds != 0))
        order = stratified(order, labels)
        for column, share in enumerate(SHARES):
            chosen = order[: max(2, round(share * len(order)))]
            images[column] = len(chosen) / classes
            train = np.isin(np.arange(len(labels)), chosen)
            probe = fitted(inputs, labels, train, folds == 0)
            found[repeat, column] = probe.balanced_accuracy()
    accuracy, most = found.mean(0), len(labels) / classes
    further = tuple(float(times * most) for times in TIMES)
    return LearningCurve(
        stage, tuple(map(float, images)), tuple(map(float, accuracy)),
        tuple(map(float, found.std(0))), further, _continued(images, accuracy, further),
    )  # fmt: skip


def _continued(images: np.ndarray, accuracy: np.ndarray, further) -> tuple[float, ...]:
    """The power law's accuracy further on, which never falls."""

    def error(n, lowest, height, exponent):
        return lowest + height * n**-exponent

    try:
        found, _ = curve_fit(
            error, images, 1 - accuracy, p0=(0.05, 0.5, 0.4), maxfev=5_000,
            bounds=([0, 0, FLATTEST], [1, 10, STEEPEST]),
        )  # fmt: skip
    except RuntimeError:  # no fit: the last figure stands for all
        return tuple(float(accuracy[-1]) for _ in further)
    return tuple(float(np.clip(1 - error(n, *found), 0, 1)) for n in further)
