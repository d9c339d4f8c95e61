"""Perform one run from its configuration: surgery, training, and the test at the end."""

import os
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from transfer_core import __version__, dataset
from transfer_core.cases import NEW_LAYER, Strategy
from transfer_core.dataset import DataSet
from transfer_core.features.embedding import batch_size
from transfer_core.features.views import View
from transfer_core.networks import SourceNetwork, get
from transfer_core.networks.surgery import kept_stages
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.preparation import Embedding, Setting, decoded
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.trackers.backends import SETTING, tracker_of
from transfer_core.runs.trackers.follower import logged
from transfer_core.system.devices import best_device
from transfer_core.system.memory import keep_freed_memory
from transfer_core.system.parallel import StopRequested, WorkStopped
from transfer_core.system.precision import channels_last_is_faster, fastest
from transfer_core.training.config import RunConfig
from transfer_core.training.evaluation import Tested, logits, score
from transfer_core.training.events import Ended, EpochEnded, Event, Preparing
from transfer_core.training.new_layer import train_new_layer
from transfer_core.training.whole_network import train_whole_network

UNBALANCED = 1.5  # largest class over smallest, from which classes are weighed
WEIGHTS = "network.safetensors"  # in the run's directory
TEST_LOGITS = "test_logits.npy"  # there too; of the test images in the data set's order


def perform(
    config: RunConfig, directory: Path, home: Path, stop_requested: StopRequested
) -> Iterator[Event | Tested]:
    """Run a configuration to its result.

    Args:
        config: What to do.
        directory: The run's own folder; the trained network is written there.
        home: Where data sets and caches lie.
        stop_requested: Asked between batches. What was learned until then is
            tested and kept; before the first step there is nothing to keep.

    Yields:
        The events of the training, then the result on the test images.
    """
    data_set, source = dataset.load(home, config.data_id), config.source()
    pixels = dataset.Pixels(home, data_set, source.transform)
    setting = Setting(config, home, data_set, source, pixels, stop_requested)
    strategy = config.strategy
    network = setting.operated(strategy)
    everything_frozen = strategy.frozen == kept_stages(source, strategy)
    try:
        if everything_frozen:
            training = _new_layer_training(setting, strategy, network)
        else:
            rival = (yield from _new_layer_alone(setting)) if strategy.fall_back else None
            yield from decoded(setting)
            training = train_whole_network(
                network, pixels, source=source, number_format=config.number_format,
                channels_last=config.channels_last, compiled=config.compiled, rival=rival,
                **_common(setting, strategy),
            )  # fmt: skip
        validation_accuracy = yield from _watched(training)
    except WorkStopped:
        return
    _save(network, directory)
    yield _test(setting, network, validation_accuracy, directory)


def _new_layer_training(
    setting: Setting, strategy: Strategy, network: nn.Sequential
) -> Iterator[Event]:
    """Embed every image once at the last kept stage, then train the new layer on that."""
    common, count = _common(setting, strategy), strategy.optimiser.views
    everything, train = len(setting.pixels), common["train"]
    embedding = Embedding(setting, network, strategy.keep_through)
    parts = [(yield from embedding.of(None, "Embedding images once"))]
    for number in range(count):
        what = f"Embedding augmented views, {number + 1} of {count}"
        view = View(number, strategy.optimiser.mirror)
        parts.append((yield from embedding.of(train, what, view)))
    if count:  # the views follow the images, each with its image's label
        added = everything + np.arange(count * len(train))
        labels = (common["labels"], *[common["labels"][train]] * count)
        common |= {"labels": np.concatenate(labels), "train": np.concatenate((train, added))}
    embeddings = np.concatenate(parts) if count else parts[0]
    yield from train_new_layer(network, embeddings, **common)


def _new_layer_alone(
    setting: Setting,
) -> Generator[Preparing, None, dict[str, torch.Tensor]]:
    """Train the new layer as in case 1, told as preparation; returns the network's weights."""
    strategy = setting.config.strategy
    network = setting.operated(strategy)
    alone = replace(strategy, frozen=kept_stages(setting.source, strategy), optimiser=NEW_LAYER)
    for event in _new_layer_training(setting, alone, network):
        if isinstance(event, Preparing):
            yield event
        elif isinstance(event, EpochEnded):
            yield Preparing("Training the new layer alone", event.epoch, NEW_LAYER.epochs)
    return network.state_dict()


def _common(setting: Setting, strategy: Strategy) -> dict[str, Any]:
    data_set = setting.data_set
    return {
        "labels": data_set.labels,
        "train": data_set.indices("train"),
        "validation": data_set.indices("validation"),
        "strategy": strategy,
        "seed": setting.config.seed,
        "class_weights": class_weights(data_set) if strategy.class_weights else None,
        "stop_requested": setting.stop_requested,
    }


def class_weights(data_set: DataSet) -> torch.Tensor | None:
    """Weights that make every class count the same in the loss; None if balanced already.

    Returns:
        float32 (C,), N / (C n_c) for a class with n_c of the N training images.
    """
    counts = np.array(data_set.counts("train"))
    if counts.max() <= UNBALANCED * counts.min():
        return None
    return torch.tensor(counts.sum() / (len(counts) * counts), dtype=torch.float32)


def _watched(training: Iterator[Event]) -> Generator[Event, None, float | None]:
    """Pass events on; returns the validation accuracy of the weights that were kept."""
    accuracies: dict[int, float | None] = {0: None}  # 0: stopped before an epoch ended
    for event in training:
        if isinstance(event, EpochEnded):
            accuracies[event.epoch] = event.validation_accuracy
        yield event
        if isinstance(event, Ended):
            return accuracies[event.best_epoch]
    return None


def _test(setting: Setting, network, validation_accuracy: float | None, directory: Path) -> Tested:
    data_set = setting.data_set
    test = data_set.indices("test")
    batches = setting.pixels.in_batches(batch_size(setting.source), test)
    found = torch.cat([logits(network, batch, setting.source) for batch in batches])
    part = directory / f"{TEST_LOGITS}.part"
    with part.open("wb") as file:
        np.save(file, found.numpy())
    part.replace(directory / TEST_LOGITS)
    return score(
        found, data_set.labels[test], data_set.classes, data_set.counts("train"),
        validation_accuracy,
    )  # fmt: skip


def _save(network: nn.Sequential, directory: Path) -> None:
    part = directory / f"{WEIGHTS}.part"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, part)
    part.replace(directory / WEIGHTS)


def run_config(
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    seed: int,
    *,
    compiled: bool = False,
) -> RunConfig:
    """The configuration of a run that would start now, at the source's input size.

    It is for the fastest device of this machine.
    """
    versions = {
        "transfer_core": __version__,
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),  # the order of sums depends on it
        "weights": source.weights_hash,
    }
    own_size, device = get(source.name).input_size, best_device()
    number_format = fastest(device)
    return RunConfig(
        data_set.id, source.name, strategy, seed, versions, number_format, device,
        channels_last_is_faster(device, number_format), compiled,
        None if source.input_size == own_size else source.input_size,
    )  # fmt: skip


def new_engine(home: Path, *, resume: bool = True) -> Engine:
    """An engine that performs runs with everything in this package; see `Engine`.

    Raises:
        SettingsError: If `TRANSFER_LOG_TO` is set and names no tracker that can be used.
    """

    def performed(
        config: RunConfig, directory: RunDirectory, stop: StopRequested
    ) -> Iterator[Event | Tested]:
        return perform(config, directory.path, home, stop)

    keep_freed_memory()
    setting = os.environ.get(SETTING)
    seen = logged(performed, tracker_of(setting), home) if setting else performed
    return Engine(home, seen, resume=resume)
