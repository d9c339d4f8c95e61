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
from transfer_core.devices import best_device, usable
from transfer_core.embedding import batch_size, embed, normalise
from transfer_core.embedding_cache import cache_folder, cached
from transfer_core.evaluation import Tested, logits, score
from transfer_core.networks import SourceNetwork
from transfer_core.number_format import fastest
from transfer_core.parallel import Progress, WorkStopped
from transfer_core.runs.engine import Engine
from transfer_core.surgery import kept_stages, operate
from transfer_core.training.config import RunConfig
from transfer_core.training.events import Ended, EpochEnded, Event, Preparing
from transfer_core.training.new_layer import train_new_layer
from transfer_core.training.whole_network import train_whole_network
from transfer_core.views import View

UNBALANCED = 1.5  # largest class over smallest, from which classes are weighed
WEIGHTS = "network.safetensors"  # in the run's directory
TEST_LOGITS = "test_logits.npy"  # there too; of the test images in the data set's order

StopRequested = Callable[[], bool]


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

    def operated(self, strategy: Strategy) -> nn.Sequential:
        """The network that the strategy makes, on the run's device."""
        classes, seed = len(self.data_set.classes), self.config.seed
        return operate(self.source, strategy, classes, seed).to(usable(self.config.device))


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
    network = setting.operated(strategy)
    everything_frozen = strategy.frozen == kept_stages(setting.source, strategy)
    try:
        pixels = images.Pixels(home, setting.data_set, setting.transform)
        if everything_frozen:
            training = _new_layer_training(setting, strategy, network, pixels)
        else:
            rival = (yield from _new_layer_alone(setting, pixels)) if strategy.fall_back else None
            yield from _reported(
                _named("Decoding images", pixels),
                lambda progress: pixels.keep(progress, stop_requested),
                stop_requested,
            )
            training = train_whole_network(
                network, pixels, source=setting.source, number_format=config.number_format,
                compiled=config.compiled, rival=rival, **_common(setting, strategy),
            )  # fmt: skip
        validation_accuracy = yield from _watched(training)
    except WorkStopped:
        return
    _save(network, directory)
    yield _test(setting, network, pixels, validation_accuracy, directory)


def _named(work: str, pixels: images.Pixels) -> str:
    """Say so where not all images have room on the disk once they are decoded."""
    if pixels.room == len(pixels):
        return work
    return f"{work} (only {pixels.room:,} fit into the cache, the others are decoded each time)"


def _new_layer_training(
    setting: _Setting, strategy: Strategy, network: nn.Sequential, pixels: images.Pixels
) -> Iterator[Event]:
    """Embed every image once at the last kept stage, then train the new layer on that."""
    common, count = _common(setting, strategy), strategy.optimiser.views
    everything, train = len(pixels), common["train"]
    embedding = _Embedding(setting, network, pixels, strategy.keep_through)
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


@dataclass(frozen=True)
class _Embedding:
    """What a network's kept stages make of images; from the cache where it is there."""

    setting: _Setting
    network: nn.Sequential
    pixels: images.Pixels
    stage: str  # the last one kept

    def of(
        self, indices: np.ndarray | None, what: str, view: View | None = None
    ) -> Generator[Preparing, None, np.ndarray]:
        """Embeddings of some images, or of all, or of a view of them, float32 (N, D)."""
        setting, number_format = self.setting, self.setting.config.number_format
        transform = setting.transform.key + (f"-{view.key}" if view else "")
        chosen = np.arange(len(self.pixels)) if indices is None else indices
        folder = cache_folder(
            setting.home, setting.data_set.id, setting.source, transform, chosen, number_format
        )
        found = yield from _reported(
            _named(what, self.pixels),
            lambda progress: cached(
                setting.home, folder, (self.stage,), lambda stages: embed(
                    self.network, self.pixels, setting.source, stages, indices=indices,
                    number_format=number_format, progress=progress,
                    prepare=view.preparing() if view else normalise, stop=setting.stop_requested,
                ),
            ),
            setting.stop_requested,
        )  # fmt: skip
        return found[self.stage]


def _new_layer_alone(
    setting: _Setting, pixels: images.Pixels
) -> Generator[Preparing, None, dict[str, torch.Tensor]]:
    """Train the new layer as in case 1, told as preparation; returns the network's weights."""
    strategy = setting.config.strategy
    network = setting.operated(strategy)
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
    batches = pixels.in_batches(batch_size(setting.source), test)
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


def _reported(
    what: str, work: Callable[[Progress], Any], stop_requested: StopRequested
) -> Generator[Preparing, None, Any]:
    """Run work that calls back with its progress; yields that progress as events."""
    queue: SimpleQueue[tuple[int, int] | None] = SimpleQueue()

    def progress(done: int, total: int) -> None:
        if stop_requested():
            raise WorkStopped
        queue.put((done, total))

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(work, progress)
        result.add_done_callback(lambda _: queue.put(None))
        while (report := queue.get()) is not None:
            yield Preparing(what, *report)
    return result.result()


def run_config(
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    seed: int,
    *,
    compiled: bool = False,
) -> RunConfig:
    """The configuration of a run that would start now, on the fastest device of this machine."""
    versions = {
        "transfer_core": __version__,
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),  # the order of sums depends on it
        "weights": source.weights_hash,
    }
    device = best_device()
    return RunConfig(
        data_set.id, source.name, strategy, seed, versions, fastest(device), device, compiled
    )


def new_engine(home: Path, *, resume: bool = True) -> Engine:
    """An engine that performs runs with everything in this package; see `Engine`."""
    return Engine(
        home,
        lambda config, directory, stop: perform(config, directory.path, home, stop),
        resume=resume,
    )
