"""What the optimiser learns, how fast in which stage, and how the rates go up and down."""

import torch
from torch import nn

from transfer_core.cases import OptimiserSettings, compute_stage_learning_rates

WARM_UP_FRACTION = 0.1  # share of the steps in which the learning rate rises


def build_one_cycle_schedule(
    optimiser: torch.optim.Optimizer, total_steps: int
) -> torch.optim.lr_scheduler.OneCycleLR:
    """A schedule on which the rates of an optimiser rise for a tenth of the steps, then fall."""
    rates = [group["lr"] for group in optimiser.param_groups]
    rising = max(
        WARM_UP_FRACTION, 2 / (total_steps + 1)
    )  # for one step at least; for none torch divides by zero
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rates, total_steps=total_steps + 1, pct_start=rising
    )


def build_parameter_groups(model: nn.Module, settings: OptimiserSettings) -> list[dict]:
    """What a model learns, for AdamW: by stage, each with its learning rate.

    Biases and normalisation scales are not decayed, as is usual.
    """
    stages = list(model.children()) or [model]
    trained = [
        parameters
        for stage in stages
        if (parameters := [p for p in stage.parameters() if p.requires_grad])
    ]
    groups = []
    for parameters, rate in zip(
        trained, compute_stage_learning_rates(settings, len(trained)), strict=True
    ):
        for decay, matrices in ((settings.weight_decay, True), (0.0, False)):
            chosen = [p for p in parameters if (p.ndim > 1) == matrices]
            if chosen:
                groups.append({"params": chosen, "weight_decay": decay, "lr": rate})
    return groups
