"""Which number format this processor computes a convolution fastest in: measured, not assumed."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Literal

from transfer_core.devices import Device

if TYPE_CHECKING:  # pages read run configurations without torch
    import torch

NumberFormat = Literal["float32", "bfloat16"]
WORTH_IT = 1.15  # times as fast, from which the coarser format is taken
ROUNDS = 15  # so many that other work on the machine disturbs none of the least ones


def computed_in(number_format: NumberFormat, device: Device = "cpu") -> AbstractContextManager:
    """Within it, matrix products and convolutions on this device are computed in this format.

    Weights, statistics and losses stay float32.
    """
    import torch

    enabled = number_format == "bfloat16"
    return torch.autocast(device, dtype=torch.bfloat16, enabled=enabled)


@cache
def fastest(device: Device = "cpu") -> NumberFormat:
    """The format in which this device takes a training step of a convolution fastest.

    Processors with instructions for bfloat16 take half the time; others emulate it and take
    longer. Measured once per process, in about a fifth of a second. A GPU says by itself whether
    it has such instructions, which are never slower there.
    """
    import torch

    if device == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if has else "float32"
    layer = torch.nn.Conv2d(64, 192, 3, padding=1).to(memory_format=torch.channels_last)
    inputs = torch.randn(16, 64, 16, 16).contiguous(memory_format=torch.channels_last)
    # In turn, since a busy moment would otherwise meet one of the formats only.
    rounds = [
        (_step_seconds(layer, inputs, "bfloat16"), _step_seconds(layer, inputs, "float32"))
        for _ in range(ROUNDS)
    ]
    coarse, exact = map(min, zip(*rounds, strict=True))
    return "bfloat16" if exact > WORTH_IT * coarse else "float32"


def _step_seconds(layer: torch.nn.Module, inputs: torch.Tensor, number_format) -> float:
    began = time.perf_counter()
    with computed_in(number_format):
        outputs = layer(inputs)
    outputs.float().square().mean().backward()
    return time.perf_counter() - began
