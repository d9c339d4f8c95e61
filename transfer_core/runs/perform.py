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
from transfer_core.cases import HEAD_SETTINGS, Strategy
from transfer_core.dataset import DataSet
from transfer_core.features.embedding import choose_batch_size
from transfer_core.features.views import AugmentedView
from transfer_core.networks import SourceNetwork, get_network
from transfer_core.networks.surgery import list_kept_stages
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.preparation import ImageEmbedder, RunContext, decode_images
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.trackers.backends import TRACKER_VARIABLE, parse_tracker_setting
from transfer_core.runs.trackers.follower import log_to_tracker
from transfer_core.system.devices import choose_device
from transfer_core.system.files import write_atomically
from transfer_core.system.memory import keep_freed_memory
from transfer_core.system.parallel import StopRequested, WorkStopped
from transfer_core.system.precision import choose_precision, is_channels_last_faster
from transfer_core.training.config import RunConfig
from transfer_core.training.evaluation import TestResult, predict_logits, score
from transfer_core.training.events import Ended, EpochEnded, Event, Preparing
from transfer_core.training.new_layer import train_head
from transfer_core.training.whole_network import train_whole_network

MIN_IMBALANCE_RATIO = 1.5  # largest class over smallest, from which classes are weighed
WEIGHTS_FILE = "network.safetensors"  # in the run's directory
TEST_LOGITS_FILE = "test_logits.npy"  # there too; of the test images in the data set's order


def perform(
    config: RunConfig, directory: Path, home: Path, stop_requested: StopRequested
) -> Iterator[Event | TestResult]:
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
    pixels = dataset.PixelArray(home, data_set, source.transform)
    setting = RunContext(config, home, data_set, source, pixels, stop_requested)
    strategy = config.strategy
    network = setting.adapt_network(strategy)
    everything_frozen = strategy.frozen == list_kept_stages(source, strategy)
    try:
        if everything_frozen:
            training = _embed_and_train_head(setting, strategy, network)
        else:
            rival = (yield from _train_baseline_head(setting)) if strategy.fall_back else None
            yield from decode_images(setting)
            training = train_whole_network(
                network,
                pixels,
                source=source,
                precision=config.precision,
                channels_last=config.channels_last,
                compiled=config.compiled,
                baseline=rival,
                **_collect_training_arguments(setting, strategy),
            )
        validation_accuracy = yield from _track_validation_accuracy(training)
    except WorkStopped:
        return
    _save_weights(network, directory)
    yield _test(setting, network, validation_accuracy, directory)


def _embed_and_train_head(
    context: RunContext, strategy: Strategy, network: nn.Sequential
) -> Iterator[Event]:
    """Embed every image once at the last kept stage, then train the new layer on that."""
    common, count = _collect_training_arguments(context, strategy), strategy.optimiser.views
    everything, train = len(context.pixels), common["train_indices"]
    embedding = ImageEmbedder(context, network, strategy.keep_through)
    parts = [(yield from embedding.of(None, "Embedding images once"))]
    for number in range(count):
        what = f"Embedding augmented views, {number + 1} of {count}"
        view = AugmentedView(number, strategy.optimiser.mirror)
        parts.append((yield from embedding.of(train, what, view)))
    if count:  # the views follow the images, each with its image's label
        added = everything + np.arange(count * len(train))
        labels = (common["labels"], *[common["labels"][train]] * count)
        common |= {
            "labels": np.concatenate(labels),
            "train_indices": np.concatenate((train, added)),
        }
    embeddings = np.concatenate(parts) if count else parts[0]
    yield from train_head(network, embeddings, **common)


def _train_baseline_head(
    context: RunContext,
) -> Generator[Preparing, None, dict[str, torch.Tensor]]:
    """Train the new layer as in case 1, told as preparation; returns the network's weights."""
    strategy = context.config.strategy
    network = context.adapt_network(strategy)
    alone = replace(
        strategy, frozen=list_kept_stages(context.source, strategy), optimiser=HEAD_SETTINGS
    )
    for event in _embed_and_train_head(context, alone, network):
        if isinstance(event, Preparing):
            yield event
        elif isinstance(event, EpochEnded):
            yield Preparing("Training the new layer alone", event.epoch, HEAD_SETTINGS.epochs)
    return network.state_dict()


def _collect_training_arguments(context: RunContext, strategy: Strategy) -> dict[str, Any]:
    data_set = context.data_set
    return {
        "labels": data_set.labels,
        "train_indices": data_set.indices("train"),
        "validation_indices": data_set.indices("validation"),
        "strategy": strategy,
        "seed": context.config.seed,
        "class_weights": compute_class_weights(data_set) if strategy.class_weights else None,
        "stop_requested": context.stop_requested,
    }


def compute_class_weights(data_set: DataSet) -> torch.Tensor | None:
    """Weights that make every class count the same in the loss; None if balanced already.

    Returns:
        float32 (C,), N / (C n_c) for a class with n_c of the N training images.
    """
    counts = np.array(data_set.counts("train"))
    if counts.max() <= MIN_IMBALANCE_RATIO * counts.min():
        return None
    return torch.tensor(counts.sum() / (len(counts) * counts), dtype=torch.float32)


def _track_validation_accuracy(training: Iterator[Event]) -> Generator[Event, None, float | None]:
    """Pass events on; returns the validation accuracy of the weights that were kept."""
    accuracies: dict[int, float | None] = {0: None}  # 0: stopped before an epoch ended
    for event in training:
        if isinstance(event, EpochEnded):
            accuracies[event.epoch] = event.validation_accuracy
        yield event
        if isinstance(event, Ended):
            return accuracies[event.best_epoch]
    return None


def _test(
    context: RunContext, network, validation_accuracy: float | None, directory: Path
) -> TestResult:
    data_set = context.data_set
    test = data_set.indices("test")
    batches = context.pixels.iter_batches(choose_batch_size(context.source), test)
    found = torch.cat([predict_logits(network, batch, context.source) for batch in batches])
    write_atomically(directory / TEST_LOGITS_FILE, lambda file: np.save(file, found.numpy()))
    return score(
        found,
        data_set.labels[test],
        data_set.classes,
        data_set.counts("train"),
        validation_accuracy,
    )


def _save_weights(network: nn.Sequential, directory: Path) -> None:
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(directory / WEIGHTS_FILE, lambda file: save_file(weights, file.name))


def make_run_config(
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
    own_size, device = get_network(source.name).input_size, choose_device()
    number_format = choose_precision(device)
    return RunConfig(
        data_set.id,
        source.name,
        strategy,
        seed,
        versions,
        number_format,
        device,
        is_channels_last_faster(device, number_format),
        compiled,
        None if source.input_size == own_size else source.input_size,
    )


def start_engine(home: Path, *, resume: bool = True) -> Engine:
    """An engine that performs runs with everything in this package; see `Engine`.

    Raises:
        SettingsError: If `TRANSFER_LOG_TO` is set and names no tracker that can be used.
    """

    def run_function(
        config: RunConfig, directory: RunDirectory, stop: StopRequested
    ) -> Iterator[Event | TestResult]:
        return perform(config, directory.path, home, stop)

    keep_freed_memory()
    setting = os.environ.get(TRACKER_VARIABLE)
    seen = (
        log_to_tracker(run_function, parse_tracker_setting(setting), home)
        if setting
        else run_function
    )
    return Engine(home, seen, resume=resume)
