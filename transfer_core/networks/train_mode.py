"""Training mode for what learns; what is frozen, and batch norm if asked, stays in eval mode."""

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
