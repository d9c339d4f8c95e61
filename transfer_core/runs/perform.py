"""Perform one run from its configuration: surgery, training, and the test at the end."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from transfer_core import dataset
from transfer_core.cases import HEAD_SETTINGS, Strategy
from transfer_core.dataset import DataSet
from transfer_core.features.embedding import choose_batch_size
from transfer_core.features.views import AugmentedView
from transfer_core.networks.surgery import list_kept_stages
from transfer_core.runs.preparation import ImageEmbedder, RunContext, decode_images
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.system.files import write_atomically
from transfer_core.system.parallel import StopRequested, WorkStopped
from transfer_core.training.config import RunConfig
from transfer_core.training.evaluation import TestResult, predict_logits, score
from transfer_core.training.events import Ended, EpochEnded, Event, Preparing
from transfer_core.training.new_layer import train_head
from transfer_core.training.whole_network import train_whole_network

MIN_IMBALANCE_RATIO = 1.5  # largest class over smallest, from which classes are weighed


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
    file = RunDirectory(directory).test_logits_file
    write_atomically(file, lambda opened: np.save(opened, found.numpy()))
    return score(
        found,
        data_set.labels[test],
        data_set.classes,
        data_set.counts("train"),
        validation_accuracy,
    )


def _save_weights(network: nn.Sequential, directory: Path) -> None:
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    file = RunDirectory(directory).weights_file
    write_atomically(file, lambda opened: save_file(weights, opened.name))
