"""Data loaders: batches of embeddings from memory, or of pixels from the pixel cache."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch

from transfer_core.features import augment, choose_batch_size, normalise
from transfer_core.networks import SourceNetwork

EMBEDDING_BATCH_SIZE = 256  # embeddings in a validation batch
MIXED_SHARDS = 8  # whose images are shuffled together

Item, Result = TypeVar("Item"), TypeVar("Result")


class DataLoader(Protocol):
    """The data of a training: labels, indices, and batches of inputs."""

    labels: np.ndarray  # int64, shape (N,), of all images
    train: np.ndarray  # indices of training images
    validation: np.ndarray  # indices of validation images
    shards: np.ndarray | None  # number of the shard of each image, int64 (N,); None without shards

    @property
    def eval_batch_size(self) -> int:
        """Images in a batch that is only evaluated, small enough for the memory."""

    def load_train_batches(
        self, index_batches: list[np.ndarray], generator: torch.Generator
    ) -> Iterator[torch.Tensor]:
        """Yield the inputs of each batch, augmented if the loader augments."""

    def load_eval_batches(self, index_batches: list[np.ndarray]) -> Iterator[torch.Tensor]:
        """Yield the inputs of each batch, not augmented."""


@dataclass(frozen=True)
class EmbeddingLoader:
    """Standardised embeddings; an epoch of few images costs milliseconds."""

    load: Callable[[torch.Tensor], torch.Tensor]  # indices, int64 (B,), to rows, float32 (B, D)
    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    shards: np.ndarray | None = None

    @property
    def eval_batch_size(self) -> int:
        """Embeddings are small."""
        return EMBEDDING_BATCH_SIZE

    def load_train_batches(
        self, index_batches: list[np.ndarray], generator: torch.Generator
    ) -> Iterator[torch.Tensor]:
        """Yield rows of the embeddings; nothing is augmented."""
        return self.load_eval_batches(index_batches)

    def load_eval_batches(self, index_batches: list[np.ndarray]) -> Iterator[torch.Tensor]:
        """Yield rows of the embeddings, each float32 (B, D)."""
        return (self.load(torch.from_numpy(indices)) for indices in index_batches)


@dataclass(frozen=True)
class PixelLoader:
    """Images for a whole network; for a GPU the next batch is prepared during the current step."""

    pixels: np.ndarray  # uint8, shape (N, H, W, 3), usually memory-mapped
    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    source: SourceNetwork
    augment: bool
    mirrored: bool  # half of the augmented images
    device: torch.device  # that the inputs are wanted on
    shards: np.ndarray | None = None

    @property
    def eval_batch_size(self) -> int:
        """See `embedding.choose_batch_size`."""
        return choose_batch_size(self.source)

    def load_train_batches(
        self, index_batches: list[np.ndarray], generator: torch.Generator
    ) -> Iterator[torch.Tensor]:
        """Yield normalised images, each float32 (B, 3, H, W)."""
        if not self.augment:
            return self.load_eval_batches(index_batches)
        return self._load_batches(
            index_batches,
            lambda indices: augment(
                self.pixels[indices],
                self.source,
                self.source.input_size,
                generator,
                horizontal_flip=self.mirrored,
                device=self.device,
            ),
        )

    def load_eval_batches(self, index_batches: list[np.ndarray]) -> Iterator[torch.Tensor]:
        """Yield normalised images, each float32 (B, 3, H, W)."""
        return self._load_batches(
            index_batches, lambda indices: normalise(self.pixels[indices], self.source, self.device)
        )

    def _load_batches(
        self, index_batches: list[np.ndarray], load_batch: Callable[[np.ndarray], torch.Tensor]
    ) -> Iterator[torch.Tensor]:
        # On the processor another thread would only slow down the threads of the network.
        return (
            map(load_batch, index_batches)
            if self.device.type == "cpu"
            else prefetch(index_batches, load_batch)
        )


def prefetch(items: Iterable[Item], load: Callable[[Item], Result]) -> Iterator[Result]:
    """Load items in order, the next one on a thread while the current one is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="batch") as pool:
        waiting = None
        for item in items:
            following = pool.submit(load, item)
            if waiting:
                yield waiting.result()
            waiting = following
        if waiting:
            yield waiting.result()


def shuffle(loader: DataLoader, batch_size: int, generator: torch.Generator) -> list[np.ndarray]:
    """Shuffle the training images, and split them into batches of nearly equal size."""
    if loader.shards is None:
        return shuffle_into_batches(loader.train, batch_size, generator)
    return shuffle_shards_into_batches(loader.train, loader.shards, batch_size, generator)


def shuffle_into_batches(
    indices: np.ndarray, batch_size: int, generator: torch.Generator
) -> list[np.ndarray]:
    """Shuffle indices and split them into batches of nearly equal size.

    Batch normalisation cannot learn from one image, so no batch has fewer than two.
    """
    order = indices[torch.randperm(len(indices), generator=generator).numpy()]
    # Sorted within a batch, so that the pixel cache is read in the order of the disk.
    return [
        np.sort(batch) for batch in np.array_split(order, count_batches(len(indices), batch_size))
    ]


def shuffle_shards_into_batches(
    indices: np.ndarray, shards: np.ndarray, batch_size: int, generator: torch.Generator
) -> list[np.ndarray]:
    """Do the same with images in shards, a few of which are needed at a time.

    The shards are shuffled; then the images of each few neighbouring ones. So a batch is drawn
    from those only. Each shard was filled at random when it was written.

    Args:
        indices: Of the images to shuffle, int64 (M,).
        shards: Number of the shard of every image, int64 (N,).
        batch_size: About so many images are in a batch.
        generator: Draws the order.
    """
    own = shards[indices]
    group = torch.randperm(int(own.max()) + 1, generator=generator).numpy()[own] // MIXED_SHARDS
    order = torch.randperm(len(indices), generator=generator).numpy()
    order = order[np.argsort(group[order], kind="stable")]
    batches = np.array_split(indices[order], count_batches(len(indices), batch_size))
    return [np.sort(batch) for batch in batches]


def count_batches(images: int, batch_size: int) -> int:
    """Return how many batches of about this size hold the images, none of them a single one."""
    count = -(-images // batch_size)
    return count if images // count >= 2 else max(1, images // 2)


def split_into_batches(indices: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Split indices into batches in their order."""
    return [indices[start : start + batch_size] for start in range(0, len(indices), batch_size)]
