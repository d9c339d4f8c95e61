"""Bootstrap: how much the measurements would vary with other images of the same kind.

Images are drawn with replacement within each class, and the recorded predictions of the probes
are averaged anew; nothing is fitted again. The folds share training images, so such draws vary
too little: they are widened by sqrt(2). An accuracy of 100 % never varies, but is not certain
either, so every accuracy has a standard error of at least 1 / (N + 2).
"""

import numpy as np

from transfer_core.transferability.evidence import (
    BootstrapDraws,
    compute_skill,
    find_best,
    round_values,
)
from transfer_core.transferability.probes import ProbeResult

BOOTSTRAP_SAMPLES = 200
WIDENING = np.sqrt(2)


def resample_means(probes: list[ProbeResult]) -> np.ndarray:
    """Return the balanced accuracy of each probe on each bootstrap sample, shape (B, probes)."""
    labels = probes[0].labels
    counts = np.bincount(labels)
    per_image = 1 / (counts[labels] * (counts > 0).sum())  # weight in balanced accuracy
    return _draw_weights(labels) @ np.stack([probe.correct * per_image for probe in probes], 1)


def estimate_standard_errors(probes: list[ProbeResult]) -> np.ndarray:
    """Return the standard error of each probe's balanced accuracy, shape (probes,)."""
    least = 1 / (len(probes[0].labels) + 2)
    return np.hypot(WIDENING * resample_means(probes).std(0), least)


def draw_predictors(
    probes: list[ProbeResult],
    num_early: int,
    compared: list[ProbeResult],
    leep: np.ndarray,
) -> BootstrapDraws:
    """Return the predictors of the calibration models on each bootstrap sample.

    Args:
        probes: One per kept stage, input to output.
        num_early: The first so many stages are early.
        compared: Probes without pre-training: random weights, and bare pixels.
        leep: Contribution of each image, from `compute_leep`, shape (N,).
    """
    labels = probes[0].labels
    accuracies = [probe.balanced_accuracy() for probe in probes]
    early, best = find_best(accuracies[:num_early]), find_best(accuracies)
    other = int(np.argmax([probe.balanced_accuracy() for probe in compared]))
    columns = [probes[early], probes[-1], probes[best], compared[other]]
    values = _widen(resample_means(columns), [p.balanced_accuracy() for p in columns], len(labels))
    leeps = _draw_weights(labels) @ leep / len(labels)
    leeps = leep.mean() + WIDENING * (leeps - leeps.mean())
    early_accuracy, top_accuracy, best_accuracy, other_accuracy = values.T
    return BootstrapDraws(
        gap=round_values(100 * (early_accuracy - top_accuracy)),
        gain=round_values(100 * (best_accuracy - other_accuracy)),
        leep=round_values(leeps),
        skill=round_values(compute_skill(best_accuracy, int(labels.max()) + 1)),
    )


def _draw_weights(labels: np.ndarray) -> np.ndarray:
    """Count each image in each sample, shape (B, N); the same at every call."""
    generator, weights = np.random.default_rng(0), np.zeros((BOOTSTRAP_SAMPLES, len(labels)))
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for row in weights:
        chosen = np.concatenate([generator.choice(m, len(m)) for m in members])
        row += np.bincount(chosen, minlength=len(labels))
    return weights


def _widen(draws: np.ndarray, means: list[float], images: int) -> np.ndarray:
    """Centre the draws on the measured means, and add the variance that the bootstrap misses."""
    noise = np.random.default_rng(1).normal(size=draws.shape) / (images + 2)
    noise -= noise.mean(0)
    return np.array(means) + WIDENING * (draws - draws.mean(0)) + noise
