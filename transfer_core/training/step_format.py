"""Choose the number format and the memory layout of a whole network's training steps."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from transfer_core.networks import SourceNetwork, build_untrained, is_depthwise
from transfer_core.system import (
    MIN_SPEEDUP,
    Device,
    Precision,
    autocast,
    choose_precision,
    is_channels_last_faster,
    time_in_turn,
)

MAX_OPERATIONS = 1.5  # billion multiply-adds for an image; heavier networks take long to time
TIMED_IMAGES, TIMED_ROUNDS = 2, 2


@dataclass(frozen=True, slots=True)
class StepFormat:
    """How the training steps of a whole network are computed."""

    precision: Precision
    channels_last: bool


_measured: dict[tuple[str, str, int], StepFormat] = {}  # by library, architecture and input size


def choose_step_format(source: SourceNetwork, device: Device) -> StepFormat:
    """Return the format in which this device does a training step of a network fastest.

    What an ordinary convolution tells of bfloat16 does not hold for depthwise ones, as in
    EfficientNet: processors that compute the first in half the time may take longer for the
    others. So of light networks made of them a step itself is timed, once per process, in about a
    second. For all others see `system.choose_precision`.

    Args:
        source: The network at the run's input size.
        device: Takes the steps.
    """
    is_light = source.card.get("operations", MAX_OPERATIONS) < MAX_OPERATIONS
    if device != "cpu" or not is_light or not is_depthwise(source):
        precision = choose_precision(device)
        return StepFormat(precision, is_channels_last_faster(device, precision))
    key = source.library, source.architecture, source.input_size
    if key not in _measured:
        _measured[key] = _measure_fastest(source)
    return _measured[key]


def _measure_fastest(source: SourceNetwork) -> StepFormat:
    exact = StepFormat("float32", True), StepFormat("float32", False)
    coarse = StepFormat("bfloat16", True)
    steps = [_build_timed_step(source, each) for each in (*exact, coarse)]
    time_in_turn(steps, rounds=1)  # the first step prepares
    *seconds, coarse_seconds = time_in_turn(steps, TIMED_ROUNDS)
    if min(seconds) > MIN_SPEEDUP * coarse_seconds:
        return coarse
    return exact[seconds.index(min(seconds))]


def _build_timed_step(source: SourceNetwork, step_format: StepFormat) -> Callable[[], float]:
    """Return a function that goes forward and back on a few images and returns its seconds."""
    layout = torch.channels_last if step_format.channels_last else torch.contiguous_format
    # In eval mode nothing is drawn from the process's random numbers, as dropout would.
    network = build_untrained(source, num_classes=2).to(memory_format=layout)
    inputs = torch.zeros(TIMED_IMAGES, 3, source.input_size, source.input_size)
    inputs = inputs.contiguous(memory_format=layout)

    def time_step() -> float:
        began = time.perf_counter()
        with autocast(step_format.precision):
            outputs = network(inputs)
        outputs.float().square().mean().backward()
        return time.perf_counter() - began

    return time_step
