"""Measure the steps of a run on this computer, by taking a few of them as a run does."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from torch import nn

from transfer_core import dataset, images
from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.features import (
    ONNX_BATCH_SIZE,
    OnnxFailedError,
    RuntimeName,
    choose_batch_size,
    embed_with_runtime,
    make_runtime,
)
from transfer_core.networks import HEAD, SourceNetwork, adapt, trains_head_only
from transfer_core.system import (
    MAX_TASK_BYTES,
    MAX_TASK_IMAGES,
    Precision,
    autocast,
    choose_device,
    get_device,
)
from transfer_core.timing.step_costs import StepCosts, TimeRange
from transfer_core.training import EpochEnded, Event, train_head, train_whole_network

DECODING_SECONDS = 0.3  # of decoding images, but at least one portion of them
FORWARD_SECONDS = 0.5  # of forward passes, but at least one image
TRAINING_SECONDS = 1.5  # of training, but at least one epoch
STEPS_PER_EPOCH = 3  # the very first step is not counted: it also prepares
MIN_BATCH_SIZE = 2  # images; batch norm cannot learn from one
MAX_EPOCHS = 1000  # also the patience, so that only time ends a measured training

StopRequested = Callable[[], bool]


def measure_step_costs(
    source: SourceNetwork, strategy: Strategy, num_classes: int, precision: Precision
) -> StepCosts:
    """Measure the steps of a training in about two seconds, longer for the largest networks.

    The weights are random: they cost the same as pre-trained ones, which may not be on this
    computer.

    Args:
        source: The network at the run's input size.
        strategy: Frozen and trained stages, and the batch size.
        num_classes: Number of classes C.
        precision: In which the steps of the run are computed.
    """
    began = time.perf_counter()
    random = replace(strategy, initialise="random")
    network = adapt(source, random, num_classes, seed=0).to(choose_device())
    build = time.perf_counter() - began
    image = measure_forward_cost(network, source, strategy.keep_through, precision)
    exact = image
    if precision != "float32":
        exact = measure_forward_cost(network, source, strategy.keep_through, "float32")
    if trains_head_only(source, strategy):
        step, epoch = _measure_head_training(network, strategy)
    else:
        step, epoch = _measure_whole_network_training(network, strategy, source, precision)
    embed = measure_embedding_cost(network, source, strategy.keep_through, exact)
    return StepCosts(TimeRange(build / 2, build), image, exact, embed, step, epoch)


def measure_decoding_cost(home: Path, data_set: DataSet, transform: images.Transform) -> TimeRange:
    """Seconds that decoding takes on all cores, per byte of image file."""
    lengths = np.array([record.length for record in data_set.records])
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
    return TimeRange.from_samples(durations)


def measure_embedding_cost(
    network: nn.Sequential, source: SourceNetwork, stage: str, by_torch: TimeRange
) -> TimeRange:
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
        by_onnx = measure_forward_cost(network, source, stage, "float32", "onnxruntime")
    except OnnxFailedError:
        return by_torch
    return min(by_onnx, by_torch, key=lambda seconds: seconds.low + seconds.high)


def measure_forward_cost(
    network: nn.Sequential,
    source: SourceNetwork,
    stage: str,
    precision: Precision,
    runtime: RuntimeName = "torch",
) -> TimeRange:
    """Seconds of the forward pass of an image through the network up to a stage.

    Raises:
        OnnxFailedError: If ONNX Runtime cannot run the network.
    """

    def time_passes(count: int) -> list[float]:
        """Seconds of an image in each batch."""
        marks = [(time.perf_counter(), 0)]
        pixels = _make_random_pixels(source, count)
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
        return TimeRange.from_samples(time_passes(max(least, count)))
    rounds = min(20, int(FORWARD_SECONDS / (alone * batch)))
    return TimeRange.from_samples(time_passes(rounds * batch))


def _measure_head_training(
    network: nn.Sequential, strategy: Strategy
) -> tuple[TimeRange, TimeRange]:
    features = network.get_submodule(HEAD).linear.in_features
    classes = network.get_submodule(HEAD).linear.out_features
    batch = strategy.optimiser.batch_size
    embeddings = np.random.default_rng(0).random(
        (STEPS_PER_EPOCH * batch + 2, features), np.float32
    )
    training = partial(
        train_head,
        network,
        embeddings,
        **_make_examples(batch, classes),
        strategy=_disable_early_stopping(strategy, batch),
    )
    return _time_training(
        lambda stop: training(seed=0, class_weights=None, stop_requested=stop), TRAINING_SECONDS / 3
    )


def _measure_whole_network_training(
    network: nn.Sequential,
    strategy: Strategy,
    source: SourceNetwork,
    precision: Precision,
) -> tuple[TimeRange, TimeRange]:
    classes = network.get_submodule(HEAD).linear.out_features
    pixels = _make_random_pixels(source, STEPS_PER_EPOCH * strategy.optimiser.batch_size + 2)

    def time_steps(batch: int, seconds: float) -> tuple[TimeRange, TimeRange]:
        training = partial(
            train_whole_network,
            network,
            pixels,
            **_make_examples(batch, classes),
            strategy=_disable_early_stopping(strategy, batch),
            source=source,
            precision=precision,
        )
        return _time_training(
            lambda stop: training(seed=0, class_weights=None, stop_requested=stop), seconds
        )

    whole = strategy.optimiser.batch_size
    few, _ = time_steps(min(MIN_BATCH_SIZE, whole), 0)
    affordable = int(MIN_BATCH_SIZE * TRAINING_SECONDS / STEPS_PER_EPOCH / few.low)
    batch = min(whole, max(2 * MIN_BATCH_SIZE, affordable))
    step, epoch = time_steps(batch, TRAINING_SECONDS)
    return extrapolate_step_cost(few, step, batch, whole), epoch


def extrapolate_step_cost(
    min_batch_step: TimeRange, step: TimeRange, batch: int, full_batch: int
) -> TimeRange:
    """Extrapolate the seconds of a step to a whole batch from steps on fewer images.

    The most is proportional to the number of images. The least adds the time of each further
    image only, since the optimiser's own work is the same for every batch. That time is a small
    difference of two measurements, so the least is never below half of the most.

    Args:
        min_batch_step: Seconds of a step on `MIN_BATCH_SIZE` images.
        step: Seconds of a step on `batch` images.
        batch: Images, between the other two sizes.
        full_batch: Images of the whole batch.
    """
    most = step * (full_batch / batch)
    image = (step.low - min_batch_step.low) / max(1, batch - MIN_BATCH_SIZE)
    return TimeRange(
        min(max(step.low + image * (full_batch - batch), most.low / 2), most.low), most.high
    )


def _time_training(
    train: Callable[[StopRequested], Iterator[Event]], seconds: float
) -> tuple[TimeRange, TimeRange]:
    """Seconds of a step, and of the end of an epoch with a validation of two images.

    A training calls `stop` before every batch, and the times of these calls separate its steps.
    It stops after `seconds`, but not before its first epoch has ended.
    """
    calls: list[float] = []  # seconds of the clock at each question whether to stop
    steps: list[float] = []
    ends: list[float] = []
    began = time.perf_counter()

    def stop() -> bool:
        calls.append(time.perf_counter())
        return bool(ends) and calls[-1] - began > seconds

    for event in train(stop):
        if isinstance(event, EpochEnded):
            ends.append(time.perf_counter() - calls[-1])
            steps += [later - before for before, later in pairwise(calls)]
            calls.clear()
    return TimeRange.from_samples(steps[1:]), TimeRange.from_samples(ends)


def _disable_early_stopping(strategy: Strategy, batch: int) -> Strategy:
    """Return the strategy with this batch size and with epochs that only time ends."""
    optimiser = replace(
        strategy.optimiser, batch_size=batch, epochs=MAX_EPOCHS, patience=MAX_EPOCHS
    )
    return replace(strategy, optimiser=optimiser)


def _make_examples(batch: int, classes: int) -> dict[str, np.ndarray]:
    """Labels of `STEPS_PER_EPOCH` batches to train on and of two images to validate on."""
    images = STEPS_PER_EPOCH * batch
    return {
        "labels": np.arange(images + 2) % classes,
        "train_indices": np.arange(images),
        "validation_indices": np.arange(images, images + 2),
    }


def _make_random_pixels(source: SourceNetwork, count: int) -> np.ndarray:
    size = source.input_size
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)
