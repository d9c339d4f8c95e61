"""Measure on this computer what a training's steps cost, by taking a few of them as a run does."""

import statistics
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
from torch import nn

from transfer_core.cases import HEAD_SETTINGS, Strategy, TransferCase, plan_strategy
from transfer_core.networks import HEAD, SourceNetwork, adapt
from transfer_core.system import DrawFrom, choose_device, make_generator
from transfer_core.timing.measurement import (
    make_random_pixels,
    measure_forward_cost,
)
from transfer_core.timing.step_costs import TrainingCosts
from transfer_core.training import (
    EpochEnded,
    Event,
    StepFormat,
    train_head,
    train_whole_network,
)

HEAD_SECONDS = 0.15  # of training a head
TRAINING_SECONDS = 1.0  # of training a network
STEPS_PER_EPOCH = 3  # the very first step is not counted: it also prepares
MIN_EPOCHS = 2  # however long they take: one slow step must not decide
MIN_BATCH_SIZE = 2  # images; batch norm cannot learn from one
MAX_BATCH_SIZE = 64  # images; a step on more is extrapolated
PASSES = 4  # forward passes that a step on an image takes as long as, about
MAX_EPOCHS = 1000  # also the patience, so that only time ends a measured training

StopRequested = Callable[[], bool]


def measure_head_training(features: int, num_classes: int, batch: int) -> TrainingCosts:
    """Measure the training of a head on random embeddings, in a fifth of a second.

    Args:
        features: Inputs of the head.
        num_classes: Number of classes C.
        batch: Images in a batch.

    Returns:
        The costs; the whole step counts as the same for every batch.
    """
    with DrawFrom(make_generator(0)):  # leaves the random numbers of the process alone
        layer = nn.Sequential(OrderedDict(linear=nn.Linear(features, num_classes)))
    network = nn.Sequential(OrderedDict([(HEAD, layer)])).to(choose_device())
    case_1 = plan_strategy(TransferCase.SMALL_SIMILAR, ("kept", "last"), kind="convolutional")
    count = STEPS_PER_EPOCH * batch + 2
    embeddings = np.random.default_rng(0).random((count, features), np.float32)
    training = partial(
        train_head,
        network,
        embeddings,
        **_make_examples(batch, num_classes),
        strategy=_disable_early_stopping(replace(case_1, optimiser=HEAD_SETTINGS), batch),
    )
    steps, ends = _time_training(
        lambda stop: training(seed=0, class_weights=None, stop_requested=stop), HEAD_SECONDS
    )
    return TrainingCosts(statistics.median(steps), 0.0, statistics.median(ends), 0.0)


def measure_whole_training(
    source: SourceNetwork, step_format: StepFormat, augment: bool
) -> TrainingCosts:
    """Measure the training of a whole network in about two seconds, longer for the largest.

    The weights are random, and the head has two outputs: neither makes a difference.

    Args:
        source: The network at the run's input size.
        step_format: How the steps of the run are computed.
        augment: Whether the images are changed at random.
    """
    case, kind = TransferCase.LARGE_DIFFERENT, source.kind
    strategy = plan_strategy(case, source.stage_names, kind=kind, initialise="random")
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, augment=augment))
    network = adapt(source, strategy, num_classes=2, seed=0).to(choose_device())
    pixels = make_random_pixels(source, STEPS_PER_EPOCH * MAX_BATCH_SIZE + 2)

    def time_steps(batch: int, seconds: float) -> tuple[list[float], list[float]]:
        training = partial(
            train_whole_network,
            network,
            pixels,
            **_make_examples(batch, classes=2),
            strategy=_disable_early_stopping(strategy, batch),
            source=source,
            precision=step_format.precision,
            channels_last=step_format.channels_last,
        )
        return _time_training(
            lambda stop: training(seed=0, class_weights=None, stop_requested=stop), seconds
        )

    validation = measure_forward_cost(network, source, strategy.keep_through, step_format.precision)
    affordable = TRAINING_SECONDS / (MIN_EPOCHS * STEPS_PER_EPOCH) / (PASSES * validation)
    batch = min(MAX_BATCH_SIZE, max(2 * MIN_BATCH_SIZE, int(affordable)))
    few, _ = time_steps(MIN_BATCH_SIZE, 0)
    many, ends = time_steps(batch, TRAINING_SECONDS / 2)
    step = statistics.median(many)
    image = compute_image_cost(statistics.median(few), step, batch)
    return TrainingCosts(step - image * batch, image, statistics.median(ends), validation)


def compute_image_cost(few: float, step: float, batch: int) -> float:
    """Return the seconds that each further image adds to a step.

    They are a small difference of two measurements, so they are never taken to be less than
    half, or more than all, of the step on `batch` images divided by them.

    Args:
        few: Seconds of a step on `MIN_BATCH_SIZE` images.
        step: Seconds of a step on `batch` images.
        batch: Images, more than `MIN_BATCH_SIZE`.
    """
    slope = (step - few) / (batch - MIN_BATCH_SIZE)
    return min(max(slope, step / batch / 2), step / batch)


def _time_training(
    train: Callable[[StopRequested], Iterator[Event]], seconds: float
) -> tuple[list[float], list[float]]:
    """Seconds of each step, and of each end of an epoch with a validation of two images.

    A training calls `stop` before every batch, and the times of these calls separate its steps.
    It stops after `seconds`, but not before `MIN_EPOCHS` epochs have ended.
    """
    calls: list[float] = []  # seconds of the clock at each question whether to stop
    steps: list[float] = []
    ends: list[float] = []
    began = time.perf_counter()

    def stop() -> bool:
        calls.append(time.perf_counter())
        return len(ends) >= MIN_EPOCHS and calls[-1] - began > seconds

    for event in train(stop):
        if isinstance(event, EpochEnded):
            ends.append(time.perf_counter() - calls[-1])
            steps += [later - before for before, later in pairwise(calls)]
            calls.clear()
    return steps[1:], ends


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
