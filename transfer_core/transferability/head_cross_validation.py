"""Cross-validate the new layer: train it as a run does, on all folds but one, and for each fold.

Many heads are trained at once, in the dual form: the weights of a linear layer that gradient
descent began at 0 are a sum of the training images' features, so that only inner products of
images are needed, however many features there are. Each step is that of a run.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from transfer_core.cases import HEAD_SETTINGS
from transfer_core.features import fit_unit_scaling
from transfer_core.training import (
    MOMENTUM,
    build_one_cycle_schedule,
    compute_class_weights,
)
from transfer_core.transferability.grouped_folds import assign_grouped_folds

REPEATS = 3  # of the cross-validation of few images, with other folds each time
MAX_REPEATED_IMAGES = 500  # images; the folds of more hardly matter
LOGIT_DECIMALS = 4  # logits are rounded to them, so that last digits decide no tie
MIN_RELATIVE_VARIANCE = 1e-8  # of features; less is rounding errors


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Predictions for images that the head was not trained on."""

    correct: np.ndarray  # share of the repeats in which it was right, float64 (N,)
    labels: np.ndarray  # int64, shape (N,)

    def accuracy(self) -> float:
        """Share of the images that are right, as a run reports it; 0 without images."""
        return float(self.correct.mean()) if len(self.correct) else 0.0

    def balanced_accuracy(self) -> float:
        """Mean over the classes of the share of images that are right; 0 without images."""
        images = np.bincount(self.labels)
        right = np.bincount(self.labels, self.correct)
        present = images > 0
        return float((right[present] / images[present]).mean()) if present.any() else 0.0


@dataclass(frozen=True, slots=True)
class TrainedHeads:
    """Heads in dual form: the weights of each are a sum of the training images' features."""

    dual: torch.Tensor  # factor of each image, head and class, float32 (N, F, C)
    bias: torch.Tensor  # float32 (F, C)

    def compute_logits(self, kernel: torch.Tensor) -> torch.Tensor:
        """Return logits, float32 (M, F, C), from inner products with the N images, (M, N)."""
        return (kernel @ self.dual.flatten(1)).view(len(kernel), *self.bias.shape) + self.bias

    def predict(self, kernel: torch.Tensor) -> np.ndarray:
        """Return the class of each image by each head, int64 (F, M)."""
        logits = self.compute_logits(kernel).permute(1, 0, 2)
        return logits.cpu().numpy().round(LOGIT_DECIMALS).argmax(2)


def compute_kernel(features: np.ndarray) -> torch.Tensor:
    """Return inner products of embeddings that are scaled as a run scales them.

    Args:
        features: float32 (N, D).

    Returns:
        float32, shape (N, N); the mean of its diagonal is at most 1. All 0 if the features
        differ by no more than rounding errors.
    """
    if features.var(0).mean() <= MIN_RELATIVE_VARIANCE * np.square(features).mean():
        return torch.zeros(len(features), len(features))
    mean, divisor = fit_unit_scaling(features)
    scaled = torch.from_numpy((features - mean) / divisor)
    return scaled @ scaled.T


def cross_validate_head(
    kernel: torch.Tensor,
    labels: np.ndarray,
    groups: Sequence[Hashable],
    *,
    repeats: int | None = None,
    weighted: bool = True,
) -> CrossValidated:
    """Train the head on all folds but one, predict that fold, and do so for each fold.

    Args:
        kernel: From `compute_kernel`, of what the head reads.
        labels: Class indices from 0, int64 (N,).
        groups: Group of each image; near-duplicates share one.
        repeats: Number of cross-validations; None decides by the number of images.
        weighted: Whether unbalanced classes are weighted, as runs do.

    Source:
        Cross-validated linear probes: Alain and Bengio 2016, "Understanding intermediate layers
        using linear classifier probes".
    """
    held_out = _hold_out_folds(labels, groups, repeats)
    right = train_heads(kernel, labels, ~held_out, weighted=weighted).predict(kernel) == labels
    right &= (~held_out).any(1)[:, None]  # a head that has seen nothing knows nothing
    return CrossValidated((right & held_out).sum(0) / held_out.sum(0), labels)


@torch.no_grad()
def cross_validate_probabilities(
    kernel: torch.Tensor,
    labels: np.ndarray,
    groups: Sequence[Hashable],
    *,
    repeats: int | None = None,
) -> np.ndarray:
    """Return the probabilities of each image by heads that were not trained on it.

    Args:
        kernel: From `compute_kernel`, of what the head reads.
        labels: Class indices from 0, int64 (N,).
        groups: Group of each image; near-duplicates share one.
        repeats: Number of cross-validations, whose mean is taken; None decides by the number of
            images.

    Returns:
        float64, shape (N, C); each row sums to 1.
    """
    held_out = _hold_out_folds(labels, groups, repeats)
    logits = train_heads(kernel, labels, ~held_out).compute_logits(kernel)
    probabilities = logits.softmax(2).cpu().double().numpy()  # (N, F, C)
    is_unseen = held_out.T[:, :, None]
    return (probabilities * is_unseen).sum(1) / is_unseen.sum(1)


@torch.no_grad()
def train_heads(
    kernel: torch.Tensor, labels: np.ndarray, trained: np.ndarray, *, weighted: bool = True
) -> TrainedHeads:
    """Train one head for each set of training images, with the settings of a run's head.

    Args:
        kernel: From `compute_kernel`, of all images, float32 (N, N).
        labels: Class indices from 0, int64 (N,).
        trained: Mask of each head's training images, bool (F, N).
        weighted: Whether unbalanced classes are weighted.
    """
    heads, images, classes = len(trained), len(labels), int(labels.max()) + 1
    share = _share_out(labels, trained, classes, weighted).T[:, :, None].to(kernel)  # (N, F, 1)
    true = functional.one_hot(torch.from_numpy(labels), classes).to(kernel)[:, None]
    dual = torch.zeros(images, heads, classes, device=kernel.device)
    result = TrainedHeads(dual, torch.zeros(heads, classes, device=kernel.device))
    optimiser = torch.optim.SGD(
        [
            {"params": [result.dual], "weight_decay": HEAD_SETTINGS.weight_decay},
            {"params": [result.bias], "weight_decay": 0.0},
        ],
        lr=HEAD_SETTINGS.learning_rate,
        momentum=MOMENTUM,
        nesterov=True,
    )
    schedule = build_one_cycle_schedule(optimiser, HEAD_SETTINGS.epochs)
    for _ in range(HEAD_SETTINGS.epochs):
        # The gradient of the weights is the features' sum with these factors.
        result.dual.grad = (result.compute_logits(kernel).softmax(2) - true) * share
        result.bias.grad = result.dual.grad.sum(0)
        optimiser.step()
        schedule.step()
    return result


def _hold_out_folds(
    labels: np.ndarray, groups: Sequence[Hashable], repeats: int | None
) -> np.ndarray:
    """Mask of the images that each head is not trained on, bool (F, N)."""
    repeats = repeats or (REPEATS if len(labels) <= MAX_REPEATED_IMAGES else 1)
    folds = [assign_grouped_folds(labels, groups, seed=repeat) for repeat in range(repeats)]
    return np.stack([own == fold for own in folds for fold in np.unique(own)])


def _share_out(
    labels: np.ndarray, trained: np.ndarray, classes: int, weighted: bool
) -> torch.Tensor:
    """Return the weight of each image in the loss of each head, float32 (F, N)."""
    shares = torch.from_numpy(trained).float()
    for share, mask in zip(shares, trained, strict=True):
        present, own = np.unique(labels[mask], return_inverse=True)
        weights = compute_class_weights(own, len(present)) if weighted and mask.any() else None
        if weights is not None:
            share[torch.from_numpy(mask)] = weights[torch.from_numpy(own)]
    return shares / shares.sum(1, keepdim=True).clamp(min=1e-12)
