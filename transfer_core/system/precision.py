"""What this processor computes a convolution fastest in: measured, not assumed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Literal

from transfer_core.system.devices import Device

Precision = Literal["float32", "bfloat16"]
MIN_SPEEDUP = 1.15  # times as fast, from which the coarser format is taken
TIMING_ROUNDS = 15  # so many that other work on the machine disturbs none of the least ones


def autocast(precision: Precision, device: Device = "cpu") -> AbstractContextManager:
    """Within it, matrix products and convolutions on this device are computed in this format.

    Weights, statistics and losses stay float32.
    """
    import torch

    enabled = precision == "bfloat16"
    return torch.autocast(device, dtype=torch.bfloat16, enabled=enabled)


@cache
def choose_precision(device: Device = "cpu") -> Precision:
    """The format in which this device takes a training step of a convolution fastest.

    Processors with instructions for bfloat16 take half the time; others emulate it and take
    longer. Measured once per process, in about a fifth of a second. A GPU says by itself whether
    it has such instructions, which are never slower there.
    """
    import torch

    if device == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if has else "float32"
    coarse, exact = _measure_min_seconds(("bfloat16", True), ("float32", True))
    return "bfloat16" if exact > MIN_SPEEDUP * coarse else "float32"


@cache
def is_channels_last_faster(device: Device, precision: Precision) -> bool:
    """Whether a training step of a convolution takes less with the channels last in memory.

    On a GPU that computes in bfloat16 it does, by its maker's word; on the processor it is
    measured once per process, in about a tenth of a second.

    Source:
        NVIDIA, "Convolutional layers user's guide", on tensor layouts in memory.
    """
    if device == "cuda":
        return precision == "bfloat16"
    last, first = _measure_min_seconds((precision, True), (precision, False))
    return last < first


def _measure_min_seconds(*variants: tuple[Precision, bool]) -> tuple[float, ...]:
    """Least time of a step in each number format, channels last or not."""
    steps = [_build_timed_step(*way) for way in variants]
    # In turn, since a busy moment would otherwise meet one of them only.
    rounds = [tuple(step() for step in steps) for _ in range(TIMING_ROUNDS)]
    return tuple(map(min, zip(*rounds, strict=True)))


def _build_timed_step(precision: Precision, channels_last: bool) -> Callable[[], float]:
    """A function that takes one training step of a convolution and returns its seconds."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    layer = torch.nn.Conv2d(64, 192, 3, padding=1).to(memory_format=layout)
    inputs = torch.randn(16, 64, 16, 16).contiguous(memory_format=layout)

    def time_step() -> float:
        began = time.perf_counter()
        with autocast(precision):
            outputs = layer(inputs)
        outputs.float().square().mean().backward()
        return time.perf_counter() - began

    return time_step
