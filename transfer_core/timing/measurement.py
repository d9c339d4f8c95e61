"""Measure on this computer what images cost: decoding them, and a network's forward pass."""

import os
import statistics
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

from transfer_core import dataset, images
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset import DataSet
from transfer_core.features import (
    ONNX_BATCH_SIZE,
    OnnxFailedError,
    RuntimeName,
    choose_batch_size,
    embed_with_runtime,
    make_runtime,
    normalise,
)
from transfer_core.networks import HEAD, SourceNetwork, adapt, pool_features
from transfer_core.system import (
    MAX_TASK_BYTES,
    MAX_TASK_IMAGES,
    Precision,
    autocast,
    choose_device,
    get_device,
)
from transfer_core.timing.step_costs import NetworkCosts
from transfer_core.training import WeightChangeMeter

DECODING_SECONDS = 0.3  # of decoding images, but at least one portion of them
FORWARD_SECONDS = 0.2  # of forward passes, but at least one image
SHARE_IMAGES, SHARE_ROUNDS = 4, 3  # of the passes that time each stage


def measure_network_costs(source: SourceNetwork) -> NetworkCosts:
    """Measure a network's forward pass in about a second, longer for the largest networks.

    The weights are random: they cost the same as pre-trained ones, which may not be on this
    computer.

    Args:
        source: The network at the run's input size.
    """
    kind, case = source.kind, TransferCase.LARGE_DIFFERENT
    everything = plan_strategy(case, source.stage_names, kind=kind, initialise="random")
    for _ in range(2):  # the first also imports what building needs
        began = time.perf_counter()
        network = adapt(source, everything, num_classes=2, seed=0).to(choose_device())
        build = time.perf_counter() - began
    stages, features = _measure_stages(network, source)
    last = everything.keep_through
    exact = measure_forward_cost(network, source, last, "float32")
    return NetworkCosts(
        build,
        exact,
        measure_embedding_cost(network, source, last, exact),
        {name: seconds / sum(stages.values()) for name, seconds in stages.items()},
        _measure_weight_checks(network),
        features,
    )


def measure_decoding_cost(home: Path, data_set: DataSet, transform: images.Transform) -> float:
    """Seconds that decoding takes on all cores, per byte of image file."""
    lengths = data_set.lengths
    tasks = 2 * (os.cpu_count() or 1)
    portion = int(min(max(tasks * MAX_TASK_BYTES / lengths.mean(), tasks), tasks * MAX_TASK_IMAGES))
    order, durations = np.random.default_rng(0).permutation(len(lengths)), []
    began = time.perf_counter()
    for start in range(0, len(order), portion):
        chosen = order[start : start + portion]
        portion_began = time.perf_counter()
        dataset.PixelArray(home, data_set, transform).read(chosen)
        durations.append((time.perf_counter() - portion_began) / lengths[chosen].sum())
        if time.perf_counter() - began > DECODING_SECONDS:
            break
    return float(statistics.median(durations))


def measure_embedding_cost(
    network: nn.Sequential, source: SourceNetwork, stage: str, by_torch: float
) -> float:
    """Seconds of embedding an image, by ONNX Runtime if that takes less than torch.

    Args:
        network: See `measure_forward_cost`.
        source: See there.
        stage: See there.
        by_torch: Seconds that torch takes in float32.
    """
    if get_device(network).type != "cpu":
        return by_torch
    try:
        return min(by_torch, measure_forward_cost(network, source, stage, "float32", "onnxruntime"))
    except OnnxFailedError:
        return by_torch


def measure_forward_cost(
    network: nn.Sequential,
    source: SourceNetwork,
    stage: str,
    precision: Precision,
    runtime: RuntimeName = "torch",
) -> float:
    """Seconds of the forward pass of an image through the network up to a stage.

    Raises:
        OnnxFailedError: If ONNX Runtime cannot run the network.
    """

    def time_passes(count: int) -> list[float]:
        """Seconds of an image in each batch."""
        marks = [(time.perf_counter(), 0)]
        pixels = make_random_pixels(source, count)
        with autocast(precision, get_device(network).type):
            embed_with_runtime(
                network,
                pixels,
                source,
                (stage,),
                runtime=make_runtime(runtime),
                progress=lambda _, done, __: marks.append((time.perf_counter(), done)),
            )
        return [
            (later - before) / (done - start) for (before, start), (later, done) in pairwise(marks)
        ]

    least = ONNX_BATCH_SIZE if runtime == "onnxruntime" else 1  # images that cost no more than one
    time_passes(least)  # the first pass prepares
    (alone,) = time_passes(least)
    batch = choose_batch_size(source)
    if alone * batch > FORWARD_SECONDS:  # too slow for several batches
        count = min(batch, max(2, int(FORWARD_SECONDS / alone)))
        return statistics.median(time_passes(max(least, count)))
    rounds = min(20, int(FORWARD_SECONDS / (alone * batch)))
    return statistics.median(time_passes(rounds * batch))


@torch.inference_mode()
def _measure_stages(
    network: nn.Sequential, source: SourceNetwork
) -> tuple[dict[str, float], dict[str, int]]:
    """Seconds of each kept stage in a forward pass of a few images, and the inputs of its head."""
    pixels = normalise(make_random_pixels(source, SHARE_IMAGES), source, get_device(network))
    rounds, inputs = [], {}
    for _ in range(1 + SHARE_ROUNDS):  # the first pass prepares
        features, marks = pixels, [time.perf_counter()]
        for name, stage in network.named_children():
            if name != HEAD:
                features = stage(features)
                inputs[name] = pool_features(features[:1]).sum(0).numel()  # waits for a GPU too
                marks.append(time.perf_counter())
        rounds.append([later - before for before, later in pairwise(marks)])
    seconds = (statistics.median(each) for each in zip(*rounds[1:], strict=True))
    return dict(zip(inputs, seconds, strict=True)), inputs


def _measure_weight_checks(network: nn.Sequential) -> dict[str, float]:
    """Seconds that the end of an epoch takes to compare the weights of each stage."""
    stages = {name: stage for name, stage in network.named_children() if name != HEAD}
    meters = {name: WeightChangeMeter(nn.Sequential(stage), ()) for name, stage in stages.items()}
    rounds: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(SHARE_ROUNDS):  # in turn, as an epoch does: each finds the memory of another
        for name, meter in meters.items():
            began = time.perf_counter()
            meter.measure()
            rounds[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in rounds.items()}


def make_random_pixels(source: SourceNetwork, count: int) -> np.ndarray:
    """Return random images for a network, uint8 (count, H, W, 3)."""
    size = source.input_size
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)
