"""Weights that may be kept in the end, and how those of two trainings are compared."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional

TEMPERATURES = torch.logspace(-1, 1.5, 51)  # by which logits are divided


@dataclass(frozen=True, slots=True)
class Candidate:
    """Weights that may be kept."""

    epoch: int  # after which they were; 0 for those of another training
    loss: float  # on the validation images, nats per image
    calibrated_loss: float  # the same, with the confidence that fits best
    weights: Mapping[str, torch.Tensor]


def calibrated_loss(
    logits: torch.Tensor, labels: torch.Tensor, class_weights: torch.Tensor | None
) -> float:
    """The lowest cross-entropy that logits reach, divided by one temperature.

    Of two trainings one may be right more often and yet have the higher loss, since it is more
    confident. Accuracy would not mind, but says little on a hundred images.

    Args:
        logits: float32 (N, C).
        labels: Class indices, int64 (N,).
        class_weights: Weight of each class, float32 (C,), or None.

    Returns:
        Nats per image.

    Source:
        Guo et al. 2017, "On calibration of modern neural networks", section 4.2.
    """
    losses = (functional.cross_entropy(logits / t, labels, class_weights) for t in TEMPERATURES)
    return min(loss.item() for loss in losses)
