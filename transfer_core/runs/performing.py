"""Perform one run from its configuration: surgery, training, and the test at the end."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from transfer_core import __version__, dataset, images, networks
from transfer_core.cases import NEW_LAYER, Strategy
from transfer_core.dataset import DataSet
from transfer_core.embedding import embed
from transfer_core.embedding_cache import cache_folder, cached
from transfer_core.evaluation import Tested, logits, score
from transfer_core.networks import SourceNetwork
from transfer_core.number_format import fastest
from transfer_core.runs.engine import Engine
from transfer_core.surgery import kept_stages, operate
from transfer_core.training.config import RunConfig
from transfer_core.training.events import Ended, EpochEnded, Event, Preparing
from transfer_core.training.new_layer import train_new_layer
from transfer_core.training.whole_network import train_whole_network

UNBALANCED = 1.5  # largest class over smallest, from which classes are weighed
WEIGHTS = "network.safetensors"  # in the run's directory
TEST_LOGITS = "test_logits.npy"  # there too; of the test images in the data set's order

StopRequested = Callable[[], bool]


class _Stopped(Exception):
    """Ends preparation where a stop was requested."""


@dataclass(frozen=True)
class _Setting:
    """What a run works on."""

    config: RunConfig
    home: Path
    data_set: DataSet
    source: SourceNetwork
    stop_requested: StopRequested

    @property
    def transform(self) -> images.Transform:
        return self.source.transform


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
    setting = _Setting(
        config, home, dataset.load(home, config.data_id), networks.get(config.network),
        stop_requested,
    )  # fmt: skip
    strategy = config.strategy
    network = operate(setting.source, strategy, len(setting.data_set.classes), config.seed)
    everything_frozen = strategy.frozen == kept_stages(setting.source, strategy)
    try:
        pixels = yield from _pixels(setting)
        if everything_frozen:
            training = _new_layer_training(setting, strategy, network, pixels)
        else:
            rival = (yield from _new_layer_alone(setting, pixels)) if strategy.fall_back else None
            training = train_whole_network(
                network, pixels, source=setting.source, number_format=config.number_format,
                rival=rival, **_common(setting, strategy),
            )  # fmt: skip
        validation_accuracy = yield from _watched(training)
    except _Stopped:
        return
    _save(network, directory)
    yield _test(setting, network, pixels, validation_accuracy, directory)


def _pixels(setting: _Setting) -> Generator[Preparing, None, np.ndarray]:
    return _reported(
        "Decoding images",
        lambda progress: images.pixels(
            setting.home, setting.data_set, setting.transform, progress=progress
        ),
        setting.stop_requested,
    )


def _new_layer_training(
    setting: _Setting, strategy: Strategy, network: nn.Sequential, pixels: np.ndarray
) -> Iterator[Event]:
    """Embed every image once at the last kept stage, then train the new layer on that."""
    data_set = setting.data_set
    everything, number_format = np.arange(len(data_set.records)), setting.config.number_format
    folder = cache_folder(
        setting.home, data_set.id, setting.source, setting.transform.key, everything, number_format
    )
    embeddings = yield from _reported(
        "Embedding images once",
        lambda progress: cached(
            folder,
            (strategy.keep_through,),
            lambda stages: embed(
                network,
                pixels,
                setting.source,
                stages,
                number_format=number_format,
                progress=progress,
            ),
        ),
        setting.stop_requested,
    )
    yield from train_new_layer(
        network, embeddings[strategy.keep_through], **_common(setting, strategy)
    )


def _new_layer_alone(
    setting: _Setting, pixels: np.ndarray
) -> Generator[Preparing, None, dict[str, torch.Tensor]]:
    """Train the new layer as in case 1, told as preparation; returns the network's weights."""
    config, strategy = setting.config, setting.config.strategy
    network = operate(setting.source, strategy, len(setting.data_set.classes), config.seed)
    alone = replace(strategy, frozen=kept_stages(setting.source, strategy), optimiser=NEW_LAYER)
    for event in _new_layer_training(setting, alone, network, pixels):
        if isinstance(event, Preparing):
            yield event
        elif isinstance(event, EpochEnded):
            yield Preparing("Training the new layer alone", event.epoch, NEW_LAYER.epochs)
    return network.state_dict()


def _common(setting: _Setting, strategy: Strategy) -> dict[str, Any]:
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


def _test(
    setting: _Setting, network, pixels, validation_accuracy: float | None, directory: Path
) -> Tested:
    data_set = setting.data_set
    test = data_set.indices("test")
    found = logits(network, pixels[test], setting.source)
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


def _reported(
    what: str, work: Callable[[Callable[[int, int], None]], Any], stop_requested: StopRequested
) -> Generator[Preparing, None, Any]:
    """Run work that calls back with its progress; yields that progress as events."""
    queue: SimpleQueue[tuple[int, int] | None] = SimpleQueue()

    def progress(done: int, total: int) -> None:
        if stop_requested():
            raise _Stopped
        queue.put((done, total))

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(work, progress)
        result.add_done_callback(lambda _: queue.put(None))
        while (report := queue.get()) is not None:
            yield Preparing(what, *report)
    return result.result()


def run_config(
    data_set: DataSet, source: SourceNetwork, strategy: Strategy, seed: int
) -> RunConfig:
    """The configuration of a run that would start now."""
    versions = {
        "transfer_core": __version__,
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),  # the order of sums depends on it
        "weights": source.weights_hash,
    }
    return RunConfig(data_set.id, source.name, strategy, seed, versions, fastest())


def new_engine(home: Path, *, resume: bool = True) -> Engine:
    """An engine that performs runs with everything in this package; see `Engine`."""
    return Engine(
        home,
        lambda config, directory, stop: perform(config, directory.path, home, stop),
        resume=resume,
    )
