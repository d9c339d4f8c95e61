"""What a run does before the first step, told as it proceeds: decoding, and embedding once."""

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
from transfer_core.features.embedding import embed, normalise
from transfer_core.features.embedding_cache import get_cache_folder, load_or_compute_embeddings
from transfer_core.features.views import AugmentedView
from transfer_core.networks import SourceNetwork
from transfer_core.networks.surgery import adapt
from transfer_core.system.devices import validate_device
from transfer_core.system.parallel import Progress, StopRequested, WorkStopped
from transfer_core.training.config import RunConfig
from transfer_core.training.events import Preparing


@dataclass(frozen=True)
class RunContext:
    """What a run works on."""

    config: RunConfig
    home: Path
    data_set: DataSet
    source: SourceNetwork
    pixels: dataset.PixelArray  # of all images
    stop_requested: StopRequested

    def adapt_network(self, strategy: Strategy) -> nn.Sequential:
        """The network that the strategy makes, on the run's device."""
        classes, seed = len(self.data_set.classes), self.config.seed
        return adapt(self.source, strategy, classes, seed).to(validate_device(self.config.device))


def decode_images(context: RunContext) -> Generator[Preparing, None, None]:
    """Decode as many images as there is room for."""
    return report_progress(
        context,
        "Decoding images",
        lambda told: context.pixels.fill_cache(told, context.stop_requested),
    )


@dataclass(frozen=True)
class ImageEmbedder:
    """What a network's kept stages make of images; from the cache where it is there."""

    context: RunContext
    network: nn.Sequential
    stage: str  # the last one kept

    def of(
        self, indices: np.ndarray | None, what: str, view: AugmentedView | None = None
    ) -> Generator[Preparing, None, np.ndarray]:
        """Embeddings of some images, or of all, or of a view of them, float32 (N, D)."""
        setting = self.context
        transform = setting.source.transform.key + (f"-{view.key}" if view else "")
        chosen = np.arange(len(setting.pixels)) if indices is None else indices
        folder = get_cache_folder(
            setting.home, setting.data_set.id, setting.source, transform, chosen
        )
        found = yield from report_progress(
            setting,
            what,
            lambda progress: load_or_compute_embeddings(
                setting.home,
                folder,
                (self.stage,),
                lambda stages: embed(
                    self.network,
                    setting.pixels,
                    setting.source,
                    stages,
                    indices=indices,
                    progress=progress,
                    preprocess=view.build_preprocessing() if view else normalise,
                    stop_requested=setting.stop_requested,
                ),
            ),
        )
        return found[self.stage]


def report_progress(
    context: RunContext, what: str, work: Callable[[Progress], Any]
) -> Generator[Preparing, None, Any]:
    """Run work that calls back with its progress; yields that progress as events.

    Raises:
        WorkStopped: Where a stop was requested.
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
    """Say so where not all images have room on the disk once they are decoded."""
    if pixels.cache_capacity == len(pixels):
        return work
    return f"{work} (only {pixels.cache_capacity:,} fit into the cache, the others are decoded each time)"
