"""Prepare a run, with progress: decode its images and embed them."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from torch import nn

from transfer_core import dataset
from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.features import (
    AugmentedView,
    EmbeddingRuntime,
    JoinedRows,
    join_embeddings,
    load_or_embed,
)
from transfer_core.languages import N_
from transfer_core.networks import SourceNetwork, adapt
from transfer_core.runs.stored_texts import SMALL_CACHE
from transfer_core.system import Progress, StopRequested, WorkStopped, validate_device
from transfer_core.training import Preparing, RunConfig, RuntimeChosen, compute_class_weights


@dataclass(frozen=True)
class RunContext:
    """The configuration, images and source network that every part of a run works on."""

    config: RunConfig
    home: Path
    data_set: DataSet
    source: SourceNetwork
    pixels: dataset.PixelArray  # of all images
    stop_requested: StopRequested

    def adapt_network(self, strategy: Strategy) -> nn.Sequential:
        """Return the network that the strategy makes, on the run's device."""
        classes, seed = len(self.data_set.classes), self.config.seed
        return adapt(self.source, strategy, classes, seed).to(validate_device(self.config.device))

    def build_training_arguments(self, strategy: Strategy) -> dict[str, Any]:
        """Return the arguments that `train_head` and `train_whole_network` share."""
        data_set, weights = self.data_set, None
        train = data_set.indices("train")
        if strategy.class_weights:
            weights = compute_class_weights(data_set.labels[train], len(data_set.classes))
        return {
            "labels": data_set.labels,
            "shards": data_set.shard_numbers,
            "train_indices": train,
            "validation_indices": data_set.indices("validation"),
            "strategy": strategy,
            "seed": self.config.seed,
            "class_weights": weights,
            "stop_requested": self.stop_requested,
        }


def decode_images(context: RunContext) -> Generator[Preparing, None, None]:
    """Decode as many images as the cache has room for."""
    return report_progress(
        context,
        N_("Decoding images"),
        lambda progress: context.pixels.fill_cache(progress, context.stop_requested),
    )


@dataclass
class ImageEmbedder:
    """Embeds images with a network's kept stages, or takes the embeddings from the cache.

    Embeddings are computed in float32 on every machine. So they, and the head that learns from
    them, do not depend on the precision that is fastest on this machine.
    """

    context: RunContext
    network: nn.Sequential
    stages: tuple[str, ...]  # that the head reads
    runtime: EmbeddingRuntime | None = None  # that was told last

    def embed(
        self, indices: np.ndarray | None, what: str, view: AugmentedView | None = None
    ) -> Generator[Preparing | RuntimeChosen, None, np.ndarray | JoinedRows]:
        """Return the embeddings of some images, or of a view of them, float32 (N, D).

        Args:
            indices: Indices of the images, int64 (N,); None for all.
            what: Name of the work, for people.
            view: How each image is changed; None for not at all.
        """
        context = self.context
        embeddings, runtime = yield from report_progress(
            context,
            what,
            lambda progress: load_or_embed(
                context.home,
                context.data_set.id,
                self.network,
                context.pixels,
                context.source,
                self.stages,
                indices=indices,
                view=view,
                progress=progress,
                stop_requested=context.stop_requested,
            ),
        )
        if runtime != self.runtime:
            self.runtime = runtime
            yield RuntimeChosen(runtime.name, runtime.version, runtime.reason)
        return join_embeddings(embeddings, self.stages)


def report_progress(
    context: RunContext, what: str, work: Callable[[Progress], Any]
) -> Generator[Preparing, None, Any]:
    """Run work on a thread; yield its progress as events and return its result.

    Raises:
        WorkStopped: If a stop was requested.
    """
    queue: SimpleQueue[tuple[int, int] | None] = SimpleQueue()

    def progress(_: str, done: int, total: int) -> None:
        if context.stop_requested():
            raise WorkStopped
        queue.put((done, total))

    what = _add_cache_note(what, context.pixels)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(work, progress)
        result.add_done_callback(lambda _: queue.put(None))
        while (report := queue.get()) is not None:
            yield Preparing(what, *report)
    return result.result()


def _add_cache_note(work: str, pixels: dataset.PixelArray) -> str:
    """Add a note for people if the cache does not hold all decoded images."""
    if pixels.cache_capacity == len(pixels):
        return work
    return SMALL_CACHE.format(work=work, count=f"{pixels.cache_capacity:,}")
