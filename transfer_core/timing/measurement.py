"""What the steps of a run cost on this computer, by taking a few of them as a run does."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from torch import nn

from transfer_core import dataset, images
from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.features.embedding import batch_size, embed
from transfer_core.networks import SourceNetwork
from transfer_core.networks.surgery import NEW, kept_stages, operate
from transfer_core.system.devices import best_device
from transfer_core.system.parallel import BATCH_BYTES, BATCH_IMAGES
from transfer_core.system.precision import NumberFormat
from transfer_core.training.events import EpochEnded, Event
from transfer_core.training.new_layer import train_new_layer
from transfer_core.training.whole_network import train_whole_network

DECODED_FOR = 0.3  # seconds that images are decoded for, and one portion of them at least
PASSED_FOR = 0.5  # seconds that images pass through the network for, and one of them at least
TRAINED_FOR = 1.5  # seconds that are trained for, and one epoch of STEPS steps at least
STEPS = 3  # of an epoch; the first of all prepares and is not counted
FEWEST = 2  # images of a step; batch normalisation cannot learn from one
MOST = 1000  # epochs and patience, so that nothing but the time ends a training

Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds of the same work done several times: the least and the most."""

    low: float
    high: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Spread":
        """Of measured durations; of many, single outliers are left out."""
        return cls(*map(float, np.quantile(seconds, (0.1, 0.9))))

    def __mul__(self, factor: float) -> "Spread":
        return Spread(self.low * factor, self.high * factor)

    def __add__(self, other: "Spread") -> "Spread":
        return Spread(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Costs:
    """What a strategy's steps take on a network, in seconds."""

    build: Spread  # building the network and operating on it
    image: Spread  # passing an image through the kept stages, as embedding and validation do
    exact: Spread  # the same in float32, as the test does
    step: Spread  # an optimiser step on a whole batch
    epoch: Spread  # what the end of an epoch takes beside validating: proof and best weights


def measure(
    source: SourceNetwork, strategy: Strategy, classes: int, number_format: NumberFormat
) -> Costs:
    """Measure in about two seconds, longer for the largest networks.

    The weights are random: they cost the same, and the pre-trained ones need not be here.

    Args:
        source: The network at the input size wanted.
        strategy: What is trained, and on how large batches.
        classes: Number of classes C.
        number_format: In which a run would compute.
    """
    began = time.perf_counter()
    random = replace(strategy, initialise="random")
    network = operate(source, random, classes, seed=0).to(best_device())
    build = time.perf_counter() - began
    image = passes(network, source, strategy.keep_through, number_format)
    exact = image
    if number_format != "float32":
        exact = passes(network, source, strategy.keep_through, "float32")
    if strategy.frozen == kept_stages(source, strategy):
        step, epoch = _new_layer(network, strategy)
    else:
        step, epoch = _whole_network(network, strategy, source, number_format)
    return Costs(Spread(build / 2, build), image, exact, step, epoch)


def decoding(home: Path, data_set: DataSet, transform: images.Transform) -> Spread:
    """Seconds that decoding a byte of the data set's images takes, on all cores."""
    lengths = np.array([record.length for record in data_set.records])
    tasks = 2 * (os.cpu_count() or 1)
    portion = int(min(max(tasks * BATCH_BYTES / lengths.mean(), tasks), tasks * BATCH_IMAGES))
    order, found = np.random.default_rng(0).permutation(len(lengths)), []
    began = time.perf_counter()
    for start in range(0, len(order), portion):
        chosen = order[start : start + portion]
        portion_began = time.perf_counter()
        dataset.Pixels(home, data_set, transform).read(chosen)
        found.append((time.perf_counter() - portion_began) / lengths[chosen].sum())
        if time.perf_counter() - began > DECODED_FOR:
            break
    return Spread.of(found)


def passes(
    network: nn.Sequential, source: SourceNetwork, stage: str, number_format: NumberFormat
) -> Spread:
    """Seconds an image takes through the network as far as a stage."""

    def durations(count: int) -> list[float]:
        clock = [time.perf_counter()]
        embed(
            network, _pixels(source, count), source, (stage,), number_format=number_format,
            progress=lambda done, total: clock.append(time.perf_counter()),
        )  # fmt: skip
        return [later - before for before, later in pairwise(clock)]

    durations(1)  # the first pass prepares
    (alone,) = durations(1)
    batch = batch_size(source)
    if alone * batch > PASSED_FOR:  # too large for several batches
        count = min(batch, max(2, int(PASSED_FOR / alone)))
        return Spread.of([durations(count)[0] / count])
    rounds = min(20, int(PASSED_FOR / (alone * batch)))
    return Spread.of([seconds / batch for seconds in durations(rounds * batch)])


def _new_layer(network: nn.Sequential, strategy: Strategy) -> tuple[Spread, Spread]:
    features = network.get_submodule(NEW).linear.in_features
    classes = network.get_submodule(NEW).linear.out_features
    batch = strategy.optimiser.batch_size
    embeddings = np.random.default_rng(0).random((STEPS * batch + 2, features), np.float32)
    training = partial(
        train_new_layer, network, embeddings, **_examples(batch, classes),
        strategy=_lasting(strategy, batch),
    )  # fmt: skip
    return _timed(
        lambda stop: training(seed=0, class_weights=None, stop_requested=stop), TRAINED_FOR / 3
    )


def _whole_network(
    network: nn.Sequential,
    strategy: Strategy,
    source: SourceNetwork,
    number_format: NumberFormat,
) -> tuple[Spread, Spread]:
    classes = network.get_submodule(NEW).linear.out_features
    pixels = _pixels(source, STEPS * strategy.optimiser.batch_size + 2)

    def timed(batch: int, seconds: float) -> tuple[Spread, Spread]:
        training = partial(
            train_whole_network, network, pixels, **_examples(batch, classes),
            strategy=_lasting(strategy, batch), source=source, number_format=number_format,
        )  # fmt: skip
        return _timed(
            lambda stop: training(seed=0, class_weights=None, stop_requested=stop), seconds
        )

    whole = strategy.optimiser.batch_size
    few, _ = timed(min(FEWEST, whole), 0)
    affordable = int(FEWEST * TRAINED_FOR / STEPS / few.low)
    batch = min(whole, max(2 * FEWEST, affordable))
    step, epoch = timed(batch, TRAINED_FOR)
    return extrapolated(few, step, batch, whole), epoch


def extrapolated(few: Spread, step: Spread, batch: int, whole: int) -> Spread:
    """Seconds of a step on a whole batch, from steps on `FEWEST` and on `batch` images.

    At most it takes in proportion to the images; at least what each further image took, since
    the optimiser's own work is the same for all batches. As that is a small difference of two
    measured times, it is taken for half of the proportion or more.
    """
    most = step * (whole / batch)
    image = (step.low - few.low) / max(1, batch - FEWEST)
    return Spread(min(max(step.low + image * (whole - batch), most.low / 2), most.low), most.high)


def _timed(train: Callable[[Stop], Iterator[Event]], seconds: float) -> tuple[Spread, Spread]:
    """Seconds of a step, and of the end of an epoch with a validation of two images.

    A training asks before every batch whether it is to stop, which tells its steps apart. It is
    stopped after so many seconds, but not before its first epoch has ended.
    """
    asked: list[float] = []
    steps: list[float] = []
    ends: list[float] = []
    began = time.perf_counter()

    def stop() -> bool:
        asked.append(time.perf_counter())
        return bool(ends) and asked[-1] - began > seconds

    for event in train(stop):
        if isinstance(event, EpochEnded):
            ends.append(time.perf_counter() - asked[-1])
            steps += [later - before for before, later in pairwise(asked)]
            asked.clear()
    return Spread.of(steps[1:]), Spread.of(ends)


def _lasting(strategy: Strategy, batch: int) -> Strategy:
    """The strategy with batches of this size, that only time ends."""
    optimiser = replace(strategy.optimiser, batch_size=batch, epochs=MOST, patience=MOST)
    return replace(strategy, optimiser=optimiser)


def _examples(batch: int, classes: int) -> dict[str, np.ndarray]:
    """Labels of `STEPS` batches to train on and of two images to validate on."""
    images = STEPS * batch
    return {
        "labels": np.arange(images + 2) % classes,
        "train": np.arange(images),
        "validation": np.arange(images, images + 2),
    }


def _pixels(source: SourceNetwork, count: int) -> np.ndarray:
    size = source.input_size
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)
