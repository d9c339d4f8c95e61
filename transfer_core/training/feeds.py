"""Where the batches come from: embeddings in memory, or pixels decoded once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from transfer_core.augmentation import augment
from transfer_core.embedding import batch_size, normalise
from transfer_core.networks.catalog import SourceNetwork

ROWS = 256  # embeddings that are validated at a time

Batch = tuple[torch.Tensor, torch.Tensor]  # inputs, labels int64 (B,)


class Feed(Protocol):
    """What a training loop asks of its data."""

    labels: np.ndarray  # int64, shape (N,), of all images
    train: np.ndarray  # indices of training images
    validation: np.ndarray  # indices of validation images

    @property
    def at_a_time(self) -> int:
        """Images that the memory surely holds where nothing is learned."""

    def train_batch(self, indices: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Inputs of these images, augmented where that is asked for."""

    def plain_batch(self, indices: np.ndarray) -> torch.Tensor:
        """Inputs of these images as they are."""


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

    def train_batch(self, indices: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Rows of the embeddings; there is nothing random in them."""
        return self.plain_batch(indices)

    def plain_batch(self, indices: np.ndarray) -> torch.Tensor:
        """Rows of the embeddings, shape (B, D)."""
        return self.features[torch.from_numpy(indices)]


@dataclass(frozen=True)
class PixelFeed:
    """Images for a whole network, from the pixel cache."""

    pixels: np.ndarray  # uint8, shape (N, H, W, 3), usually memory-mapped
    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    source: SourceNetwork
    augmented: bool
    mirrored: bool  # half of the augmented images

    @property
    def at_a_time(self) -> int:
        """See `embedding.batch_size`."""
        return batch_size(self.source)

    def train_batch(self, indices: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Normalised images, shape (B, 3, H, W)."""
        if not self.augmented:
            return self.plain_batch(indices)
        return augment(
            self.pixels[indices], self.source, self.source.input_size, generator,
            mirror=self.mirrored,
        )  # fmt: skip

    def plain_batch(self, indices: np.ndarray) -> torch.Tensor:
        """Normalised images, shape (B, 3, H, W)."""
        return normalise(self.pixels[indices], self.source)


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


def plain(feed: Feed, indices: np.ndarray) -> Iterator[Batch]:
    """Batches of these images as they are, in order."""
    for start in range(0, len(indices), feed.at_a_time):
        chosen = indices[start : start + feed.at_a_time]
        yield feed.plain_batch(chosen), torch.from_numpy(feed.labels[chosen])
