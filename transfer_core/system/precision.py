"""Choose the precision and memory layout in which this processor trains fastest, by measuring.

They serve the training of whole networks only. Embeddings are float32 on every machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Literal

from transfer_core.system.devices import Device

Precision = Literal["float32", "bfloat16"]
MIN_SPEEDUP = 1.15  # from which bfloat16 is chosen
TIMING_ROUNDS = 15  # so many that other work does not slow down the fastest one


def autocast(precision: Precision, device: Device = "cpu") -> AbstractContextManager:
    """Compute matrix products and convolutions on this device in this precision.

    Weights, statistics and losses stay float32.
    """
    import torch

    enabled = precision == "bfloat16"
    return torch.autocast(device, dtype=torch.bfloat16, enabled=enabled)


@cache
def choose_precision(device: Device = "cpu") -> Precision:
    """Return the precision in which this device does a training step fastest.

    Processors with bfloat16 instructions take half the time; others emulate it and take longer.
    It is measured with an ordinary convolution, once per process, in about a fifth of a second.
    A GPU is asked instead.
    """
    import torch

    if device == "cuda":
        is_supported = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if is_supported else "float32"
    coarse, exact = _measure_min_seconds(("bfloat16", True), ("float32", True))
    return "bfloat16" if exact > MIN_SPEEDUP * coarse else "float32"


@cache
def is_channels_last_faster(device: Device, precision: Precision) -> bool:
    """Return whether a training step is faster with the channels last in memory.

    On a GPU with bfloat16 it is, by its maker's word. On the processor it is measured once per
    process, in about a tenth of a second.

    Source:
        NVIDIA, "Convolutional layers user's guide", on tensor layouts in memory.
    """
    if device == "cuda":
        return precision == "bfloat16"
    last, first = _measure_min_seconds((precision, True), (precision, False))
    return last < first


def _measure_min_seconds(*variants: tuple[Precision, bool]) -> tuple[float, ...]:
    """Return the least seconds of a step for each precision and layout."""
    return time_in_turn([_build_timed_step(*way) for way in variants], TIMING_ROUNDS)


def time_in_turn(steps: Sequence[Callable[[], float]], rounds: int) -> tuple[float, ...]:
    """Return the least seconds of each step, of so many rounds.

    The steps take turns: otherwise a busy moment would slow down only one of them.

    Args:
        steps: Each does its work once and returns its seconds.
        rounds: How often each is called.
    """
    seconds = [tuple(step() for step in steps) for _ in range(rounds)]
    return tuple(map(min, zip(*seconds, strict=True)))


def _build_timed_step(precision: Precision, channels_last: bool) -> Callable[[], float]:
    """Return a function that does one training step of a convolution and returns its seconds."""
    import torch

    from transfer_core.system.random_numbers import DrawFrom, make_generator  # bring torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    with DrawFrom(make_generator(0)):  # leaves the random numbers of the process alone
        layer = torch.nn.Conv2d(64, 192, 3, padding=1).to(memory_format=layout)
        inputs = torch.randn(16, 64, 16, 16).contiguous(memory_format=layout)

    def time_step() -> float:
        began = time.perf_counter()
        with autocast(precision):
            outputs = layer(inputs)
        outputs.float().square().mean().backward()
        return time.perf_counter() - began

    return time_step
