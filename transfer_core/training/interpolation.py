"""Weights on the way from the start of a training to its end.

Source:
    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT).
"""

import torch
from torch import nn


def copy_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return a copy of all weights and statistics."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def load_interpolated(
    model: nn.Module, start: dict[str, torch.Tensor], end: dict[str, torch.Tensor], share: float
) -> None:
    """Give a model the weights at a share of the way from start to end; counters are the end's."""
    model.load_state_dict(
        {
            name: torch.lerp(start[name], value, share) if value.is_floating_point() else value
            for name, value in end.items()
        }
    )
