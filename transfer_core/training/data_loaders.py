"""Where the batches come from: embeddings in memory, or pixels decoded once."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch

from transfer_core.features.augmentation import augment
from transfer_core.features.embedding import batch_size, normalise
from transfer_core.networks.catalog import SourceNetwork

ROWS = 256  # embeddings that are validated at a time

Item, Made = TypeVar("Item"), TypeVar("Made")


class Feed(Protocol):
    """What a training loop asks of its data."""

    labels: np.ndarray  # int64, shape (N,), of all images
    train: np.ndarray  # indices of training images
    validation: np.ndarray  # indices of validation images

    @property
    def at_a_time(self) -> int:
        """Images that the memory surely holds where nothing is learned."""

    def train_batches(
        self, chosen: list[np.ndarray], generator: torch.Generator
    ) -> Iterator[torch.Tensor]:
        """Inputs of each of these batches of images, augmented where that is asked for."""

    def plain_batches(self, chosen: list[np.ndarray]) -> Iterator[torch.Tensor]:
        """Inputs of each of these batches of images as they are."""


@dataclass(frozen=True)
class EmbeddingFeed:
    """Standardised embeddings; an epoch costs milliseconds."""

    features: torch.Tensor  # float32, shape (N, D)
    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray

    @property
    def at_a_time(self) -> int:
        """Embeddings are small."""
        return ROWS

    def train_batches(
        self, chosen: list[np.ndarray], generator: torch.Generator
    ) -> Iterator[torch.Tensor]:
        """Rows of the embeddings; there is nothing random in them."""
        return self.plain_batches(chosen)

    def plain_batches(self, chosen: list[np.ndarray]) -> Iterator[torch.Tensor]:
        """Rows of the embeddings, each (B, D)."""
        return (self.features[torch.from_numpy(indices)] for indices in chosen)


@dataclass(frozen=True)
class PixelFeed:
    """Images for a whole network; on a GPU a batch is made while the one before is computed on."""

    pixels: np.ndarray  # uint8, shape (N, H, W, 3), usually memory-mapped
    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    source: SourceNetwork
    augmented: bool
    mirrored: bool  # half of the augmented images
    device: torch.device  # that the inputs are wanted on

    @property
    def at_a_time(self) -> int:
        """See `embedding.batch_size`."""
        return batch_size(self.source)

    def train_batches(
        self, chosen: list[np.ndarray], generator: torch.Generator
    ) -> Iterator[torch.Tensor]:
        """Normalised images, each (B, 3, H, W)."""
        if not self.augmented:
            return self.plain_batches(chosen)
        return self._made(
            chosen,
            lambda indices: augment(
                self.pixels[indices], self.source, self.source.input_size, generator,
                mirror=self.mirrored, device=self.device,
            ),
        )  # fmt: skip

    def plain_batches(self, chosen: list[np.ndarray]) -> Iterator[torch.Tensor]:
        """Normalised images, each (B, 3, H, W)."""
        return self._made(
            chosen, lambda indices: normalise(self.pixels[indices], self.source, self.device)
        )

    def _made(
        self, chosen: list[np.ndarray], make: Callable[[np.ndarray], torch.Tensor]
    ) -> Iterator[torch.Tensor]:
        # On the processor a thread beside the network's only slows those down.
        return map(make, chosen) if self.device.type == "cpu" else ahead(chosen, make)


def ahead(items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[Made]:
    """What is made of each item, in order, the next on a thread while one is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="batch") as pool:
        waiting = None
        for item in items:
            following = pool.submit(make, item)
            if waiting:
                yield waiting.result()
            waiting = following
        if waiting:
            yield waiting.result()


def shuffled(indices: np.ndarray, batch_size: int, generator: torch.Generator) -> list[np.ndarray]:
    """Random batches of nearly equal size that together hold every index once.

    Batch normalisation cannot learn from one image, so no batch has fewer than two.
    """
    order = indices[torch.randperm(len(indices), generator=generator).numpy()]
    # Sorted within a batch: the pixel cache is then read in the order of the disk.
    return [np.sort(batch) for batch in np.array_split(order, batches(len(indices), batch_size))]


def batches(images: int, batch_size: int) -> int:
    """How many batches `shuffled` makes of so many images."""
    count = -(-images // batch_size)
    return count if images // count >= 2 else max(1, images // 2)


def in_order(indices: np.ndarray, images: int) -> list[np.ndarray]:
    """These indices, so many at a time."""
    return [indices[start : start + images] for start in range(0, len(indices), images)]
