"""Training mode for what learns; what is frozen, and batch norm if asked, stays in eval mode."""

from collections.abc import Iterable

import torch
from torch import nn


def set_train_mode_except_frozen(
    network: nn.Sequential, frozen_stages: tuple[str, ...], *, freeze_batch_norm: bool = False
) -> None:
    """Set training mode except where batch-norm statistics must not change.

    Args:
        network: From `adapt`.
        frozen_stages: Names of stages that stay in eval mode as a whole.
        freeze_batch_norm: Whether batch normalisation stays in eval mode in the other stages too.
            It then normalises by its running statistics; its scale and offset still learn.
    """
    for name, stage in network.named_children():
        stage.train(name not in frozen_stages)
    if freeze_batch_norm:
        for module in find_batch_norms(network):
            module.eval()


def find_batch_norms(network: nn.Module) -> tuple[nn.Module, ...]:
    """Return the layers that normalise with running statistics."""
    return tuple(m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))


@torch.no_grad()
def refresh_statistics(network: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Measure the statistics of all batch norms in training mode anew, on images as they are.

    The running statistics of a training come from augmented images and changing weights.

    Args:
        network: It is in eval mode afterwards.
        batches: Inputs, each (B, 3, H, W) with B at least 2.

    Source:
        Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3.
    """
    norms = [norm for norm in find_batch_norms(network) if norm.training]
    network.eval()
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
    for number, inputs in enumerate(batches, start=1):
        for norm in norms:
            norm.momentum = 1 / number  # so that the mean over the batches remains
        network(inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
