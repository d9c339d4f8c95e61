"""Do a stage's features tell these classes apart? A linear probe, cross-validated."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from transfer_core.features.standardisation import fit_standardisation
from transfer_core.transferability.cross_validation import assign_grouped_folds

REPEATS = 3  # with other folds each time
RIDGE_PENALTY = 3.0  # regularisation, relative to the features' mean variance


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Predictions for images that the probe was not fitted on."""

    correct: np.ndarray  # share of the repeats in which it was right, shape (N,)
    labels: np.ndarray  # int64, shape (N,)

    def balanced_accuracy(self, weights: np.ndarray | None = None) -> float:
        """Mean over the classes of the share of images that are right; 0 of no images.

        Args:
            weights: How often each image counts, shape (N,); once each if None.
        """
        weights = np.ones(len(self.labels)) if weights is None else weights
        images = np.bincount(self.labels, weights)
        right = np.bincount(self.labels, weights * self.correct)
        present = images > 0
        return float((right[present] / images[present]).mean()) if present.any() else 0.0


def cross_validate_probe(
    kernel: torch.Tensor, labels: np.ndarray, groups: Sequence[Hashable], repeats: int = REPEATS
) -> ProbeResult:
    """Fit a linear classifier on all folds but one and predict that one, for each fold.

    Args:
        kernel: From `compute_kernel`, of the embeddings at one stage.
        labels: Class indices from 0, int64 (N,).
        groups: Of each image; copies of one image share theirs.
        repeats: How often, each time with other folds.

    Source:
        Linear probes: Alain and Bengio 2016, "Understanding intermediate layers
        using linear classifier probes".
    """
    right = np.zeros(len(labels))
    for repeat in range(repeats):
        folds = assign_grouped_folds(labels, groups, seed=repeat)
        for fold in np.unique(folds):
            held = folds == fold
            right[held] += fit_probe(kernel, labels, ~held, held).correct / repeats
    return ProbeResult(right, labels)


def fit_probe(
    kernel: torch.Tensor, labels: np.ndarray, train: np.ndarray, held_out: np.ndarray
) -> ProbeResult:
    """Fit the linear classifier on some images and predict others.

    Ridge regression on the classes' indicators, each class weighing the same. It sees all
    features of a stage, as the new layer will, so it must be regularised strongly; the
    strength was chosen on measurements of new layers.

    Args:
        kernel: From `compute_kernel`, of all images.
        labels: Class indices from 0, int64 (N,).
        train: Mask of the images to fit on.
        held_out: Mask of those to predict.
    """
    classes, known = labels.max() + 1, labels[train]
    if not len(known):
        return ProbeResult(np.zeros(held_out.sum()), labels[held_out])
    counts = np.bincount(known, minlength=classes)
    importance = len(known) / (np.maximum(counts, 1) * (counts > 0).sum())
    penalty = torch.from_numpy(RIDGE_PENALTY / importance[known]).to(kernel)
    targets = torch.from_numpy(np.eye(classes)[known] - 1 / classes).to(kernel)
    rows = kernel.numpy()[train]  # the masks index much faster in NumPy
    # All in torch: NumPy's and SciPy's pools of threads would wait for each other and its.
    system = torch.from_numpy(rows[:, train])
    system.diagonal().add_(penalty)
    weights = torch.cholesky_solve(targets, torch.linalg.cholesky(system))
    predicted = (torch.from_numpy(rows[:, held_out]).T @ weights).argmax(1).numpy()
    return ProbeResult((predicted == labels[held_out]).astype(float), labels[held_out])


def compute_kernel(features: np.ndarray) -> torch.Tensor:
    """Inner products of standardised features, per feature; uses no label.

    Args:
        features: float32 (N, D).

    Returns:
        float32, shape (N, N), the mean of its diagonal at most 1.
    """
    mean, deviation = fit_standardisation(features)
    standard = torch.from_numpy((features - mean) / deviation)
    return standard @ standard.T / features.shape[1]
