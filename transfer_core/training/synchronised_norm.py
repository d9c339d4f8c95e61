"""Batch normalisation over the images of all ranks, as if one process had the whole batch."""

import torch
from torch.nn import functional
from torch.nn.modules._functions import SyncBatchNorm
from torch.overrides import TorchFunctionMode

from transfer_core.system import Ranks


class SynchronisedBatchNorm(TorchFunctionMode):
    """Context in which batch norm in training mode normalises by the images of all ranks.

    It steps in where layers call `functional.batch_norm`. torch's `convert_sync_batchnorm` puts
    other layers in their place, which loses what timm's subclasses do beside normalising, and
    works on GPUs only.

    Args:
        ranks: Connected; all of them go through the same layers.
    """

    def __init__(self, ranks: Ranks) -> None:
        super().__init__()
        self._ranks = ranks

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is functional.batch_norm:
            return self._normalise(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))

    def _normalise(
        self,
        inputs: torch.Tensor,
        running_mean: torch.Tensor | None,
        running_var: torch.Tensor | None,
        weight: torch.Tensor | None = None,
        bias: torch.Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> torch.Tensor:
        given = running_mean, running_var
        if not training:
            return functional.batch_norm(inputs, *given, weight, bias, False, momentum, eps)
        if inputs.is_cuda:  # torch's own kernels, one pass over the images in place of several
            group = torch.distributed.group.WORLD
            last = eps, momentum, group, self._ranks.count
            return SyncBatchNorm.apply(inputs, weight, bias, *given, *last)
        return _Normalisation.apply(inputs, weight, bias, *given, momentum, eps, self._ranks)


class _Normalisation(torch.autograd.Function):
    """Batch norm whose mean, variance and gradients are those of all ranks' images."""

    @staticmethod
    def forward(ctx, inputs, weight, bias, running_mean, running_var, momentum, eps, ranks):
        dims = [0, *range(2, inputs.ndim)]
        variance, mean = torch.var_mean(inputs.float(), dims, correction=0)
        images = mean.new_tensor([inputs.numel() // len(mean)])  # with their pixels
        every = mean.new_zeros(ranks.count, 2 * len(mean) + 1)
        every[ranks.number] = torch.cat((mean, variance, images))
        ranks.add_up([every])
        means, variances, counts = every.split((len(mean), len(mean), 1), dim=1)
        total = counts.sum()
        mean = (counts * means).sum(0) / total
        variance = (counts * (variances + (means - mean) ** 2)).sum(0) / total
        if running_mean is not None:
            running_mean.lerp_(mean, momentum)
            running_var.lerp_(variance * total / (total - 1), momentum)
        ctx.save_for_backward(inputs, weight, mean, (variance + eps).rsqrt(), total)
        ctx.ranks, ctx.dims = ranks, dims
        return functional.batch_norm(inputs, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx, gradient):
        inputs, weight, *moments, total = ctx.saved_tensors
        shape = 1, -1, *(1 for _ in ctx.dims[1:])
        mean, scale = (each.view(shape) for each in moments)
        normalised, gradient = (inputs.float() - mean) * scale, gradient.float()
        sums = torch.stack((gradient.sum(ctx.dims), (gradient * normalised).sum(ctx.dims)))
        of_bias, of_weight = sums.clone() if weight is not None else (None, None)
        ctx.ranks.add_up([sums])
        centre, slope = (each.view(shape) for each in sums / total)
        result = (gradient - centre - normalised * slope) * scale
        if weight is not None:
            result *= weight.view(shape)
        return result.to(inputs.dtype), of_weight, of_bias, None, None, None, None, None
