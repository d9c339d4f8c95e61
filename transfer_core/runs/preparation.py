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
from transfer_core.features.embedding_cache import cache_folder, cached
from transfer_core.features.views import View
from transfer_core.networks import SourceNetwork
from transfer_core.networks.surgery import operate
from transfer_core.system.devices import usable
from transfer_core.system.parallel import Progress, StopRequested, WorkStopped
from transfer_core.training.config import RunConfig
from transfer_core.training.events import Preparing


@dataclass(frozen=True)
class Setting:
    """What a run works on."""

    config: RunConfig
    home: Path
    data_set: DataSet
    source: SourceNetwork
    pixels: dataset.Pixels  # of all images
    stop_requested: StopRequested

    def operated(self, strategy: Strategy) -> nn.Sequential:
        """The network that the strategy makes, on the run's device."""
        classes, seed = len(self.data_set.classes), self.config.seed
        return operate(self.source, strategy, classes, seed).to(usable(self.config.device))


def decoded(setting: Setting) -> Generator[Preparing, None, None]:
    """Decode as many images as there is room for."""
    return reported(
        setting, "Decoding images", lambda told: setting.pixels.keep(told, setting.stop_requested)
    )


@dataclass(frozen=True)
class Embedding:
    """What a network's kept stages make of images; from the cache where it is there."""

    setting: Setting
    network: nn.Sequential
    stage: str  # the last one kept

    def of(
        self, indices: np.ndarray | None, what: str, view: View | None = None
    ) -> Generator[Preparing, None, np.ndarray]:
        """Embeddings of some images, or of all, or of a view of them, float32 (N, D)."""
        setting, number_format = self.setting, self.setting.config.number_format
        transform = setting.source.transform.key + (f"-{view.key}" if view else "")
        chosen = np.arange(len(setting.pixels)) if indices is None else indices
        folder = cache_folder(
            setting.home, setting.data_set.id, setting.source, transform, chosen, number_format
        )
        found = yield from reported(
            setting,
            what,
            lambda progress: cached(
                setting.home, folder, (self.stage,), lambda stages: embed(
                    self.network, setting.pixels, setting.source, stages, indices=indices,
                    number_format=number_format, progress=progress,
                    prepare=view.preparing() if view else normalise, stop=setting.stop_requested,
                ),
            ),
        )  # fmt: skip
        return found[self.stage]


def reported(
    setting: Setting, what: str, work: Callable[[Progress], Any]
) -> Generator[Preparing, None, Any]:
    """Run work that calls back with its progress; yields that progress as events.

    Raises:
        WorkStopped: Where a stop was requested.
    """
    queue: SimpleQueue[tuple[int, int] | None] = SimpleQueue()

    def progress(done: int, total: int) -> None:
        if setting.stop_requested():
            raise WorkStopped
        queue.put((done, total))

    what = _named(what, setting.pixels)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(work, progress)
        result.add_done_callback(lambda _: queue.put(None))
        while (report := queue.get()) is not None:
            yield Preparing(what, *report)
    return result.result()


def _named(work: str, pixels: dataset.Pixels) -> str:
    """Say so where not all images have room on the disk once they are decoded."""
    if pixels.room == len(pixels):
        return work
    return f"{work} (only {pixels.room:,} fit into the cache, the others are decoded each time)"
