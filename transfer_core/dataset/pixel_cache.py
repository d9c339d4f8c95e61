"""Pixels of a whole data set: decoded once and kept on disk, as far as there is room."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transfer_core.dataset.packed_images import PackedImages
from transfer_core.images.transform import Transform
from transfer_core.system.disk_cache import (
    NPY_HEADER_BYTES,
    CacheFullError,
    add_entry,
    get_limit,
    open_array,
)
from transfer_core.system.parallel import Progress, StopRequested, ignore_progress, map_in_order

if TYPE_CHECKING:
    from transfer_core.dataset import DataSet

MAX_CACHE_FRACTION = (
    0.75  # of the caches' limit that one data set may take; its embeddings need some too
)


class PixelArray:
    """All images of a data set as network input, read by index as an array is.

    The first of them lie decoded on the disk, as many as there is room for, mapped into
    memory, so that only what is touched is there. The others are decoded on all cores
    whenever they are asked for.

    Args:
        home: The data folder.
        data_set: An ingested data set.
        transform: To the wanted size.

    Attributes:
        shape: (N, H, W, 3), in the order of `data_set.records`.
    """

    def __init__(self, home: Path, data_set: "DataSet", transform: Transform) -> None:
        self._home, self._packed = home, PackedImages(home, data_set, transform)
        self._file = home / "pixels" / data_set.id / f"{transform.key}.npy"
        self.shape = self._packed.shape
        kept = open_array(self._file)
        outgrown = kept is not None and len(kept) < len(self) == self._count_fitting()
        self._cached = self._allocate(0) if kept is None or outgrown else kept

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def is_cached(self) -> bool:
        """Whether all images are kept decoded already."""
        return len(self._cached) == len(self)

    @property
    def cache_capacity(self) -> int:
        """How many of the images are kept decoded, or will be once all were read."""
        return len(self._cached) or self._count_fitting()

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        """Images of a slice, or of indices of which none is negative: uint8 (M, H, W, 3)."""
        if self.is_cached:
            return self._cached[key]
        return self.read(np.arange(*key.indices(len(self))) if isinstance(key, slice) else key)

    def read(self, indices: np.ndarray, progress: Progress = ignore_progress) -> np.ndarray:
        """Some images, decoded on all cores where they are not kept.

        Args:
            indices: int64 (M,), none of them negative.
            progress: Called with what is done, images done and total; may raise to end the work.

        Returns:
            uint8, shape (M, H, W, 3), in memory.
        """
        found, missing = self._read_cached(indices)
        if missing:
            decode = partial(self._packed.decode, out=found)
            _report_progress(
                map_in_order(decode, self._packed.group_into_tasks(missing)), len(missing), progress
            )
        return found

    def fill_cache(
        self, progress: Progress = ignore_progress, stop: StopRequested | None = None
    ) -> None:
        """Decode as many images as there is room for, if that was not done before.

        Args:
            progress: Called with what is done, images done and total; may raise to end the work.
            stop: Asked at least five times a second.

        Raises:
            WorkStopped: If `stop` said so.
        """
        if len(self._cached):
            return
        with suppress(CacheFullError), self._create_cache_file() as array:
            decode = partial(self._packed.decode, out=array)
            tasks = self._packed.group_into_tasks((row, row) for row in range(len(array)))
            _report_progress(map_in_order(decode, tasks, stop), len(array), progress)

    def iter_batches(
        self, batch_size: int, indices: np.ndarray | None = None, stop: StopRequested | None = None
    ) -> Iterator[np.ndarray]:
        """Images in order, while the next ones are decoded, or read, on other threads.

        Where all images are read for the first time, they are kept on the way.

        Args:
            batch_size: Images at a time; the last time perhaps fewer.
            indices: Of the wanted images, int64 (M,); None for all.
            stop: Asked at least five times a second.

        Raises:
            WorkStopped: If `stop` said so.
        """
        parts = self._packed.parts(np.arange(len(self)) if indices is None else indices)
        if indices is None and not len(self._cached):
            with (
                suppress(CacheFullError),
                self._create_cache_file() as array,
            ):  # raised before the first batch
                decode = partial(self._decode_into_cache, out=array)
                yield from _rebatch(map_in_order(decode, parts, stop), batch_size)
                return
        yield from _rebatch(map_in_order(self._read_on_this_thread, parts, stop), batch_size)

    def _count_fitting(self) -> int:
        """How many images a new file may hold."""
        return min(
            len(self), int(MAX_CACHE_FRACTION * get_limit(self._home)) // prod(self.shape[1:])
        )

    @contextmanager
    def _create_cache_file(self) -> Iterator[np.ndarray]:
        """Rows for as many images as fit, mapped from a file that is kept if the block ends well.

        Raises:
            NoRoom: Before the block.
        """
        shape = self._count_fitting(), *self.shape[1:]
        if not shape[0]:
            raise CacheFullError("not even one image fits")
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        with add_entry(self._home, self._file, NPY_HEADER_BYTES + prod(shape)) as file:
            np.lib.format.write_array_header_1_0(file, header)
            array = np.memmap(file, np.uint8, "r+", file.tell(), shape)
            yield array
        array.flags.writeable = False
        self._cached = array

    def _read_cached(self, indices: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
        """Images with gaps where they are not kept, and what belongs into the gaps."""
        here = indices < len(self._cached)
        if here.all():
            return self._cached[indices], []
        found = self._allocate(len(indices))
        found[here] = self._cached[indices[here]]
        missing = np.flatnonzero(~here)
        return found, list(zip(missing, indices[missing], strict=True))

    def _read_on_this_thread(self, indices: np.ndarray) -> np.ndarray:
        """Some images, decoded on this thread where they are not kept."""
        found, missing = self._read_cached(indices)
        if missing:
            self._packed.decode(missing, found)
        return found

    def _decode_into_cache(self, indices: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Consecutive images, decoded to their rows of an array as far as it reaches."""
        first, end = indices[0], indices[-1] + 1
        if end <= len(out):
            self._packed.decode(zip(indices, indices, strict=True), out)
            return out[first:end]
        found = self._allocate(len(indices))
        self._packed.decode(enumerate(indices), found)
        out[first:] = found[: max(0, len(out) - first)]
        return found

    def _allocate(self, count: int) -> np.ndarray:
        return np.empty((count, *self.shape[1:]), np.uint8)


def load_pixels(
    home: Path,
    data_set: "DataSet",
    transform: Transform,
    progress: Progress = ignore_progress,
    stop: StopRequested | None = None,
) -> PixelArray:
    """All images of a data set, decoded as far as there is room; arguments as for `Pixels.keep`."""
    found = PixelArray(home, data_set, transform)
    found.fill_cache(progress, stop)
    return found


def iter_batches(
    pixels: np.ndarray | PixelArray,
    batch_size: int,
    indices: np.ndarray | None = None,
    stop: StopRequested | None = None,
) -> Iterator[np.ndarray]:
    """Batches of images in order, as `Pixels.in_batches`, of an array too."""
    if isinstance(pixels, PixelArray):
        return pixels.iter_batches(batch_size, indices, stop)
    chosen = pixels if indices is None else pixels[indices]
    return (chosen[start : start + batch_size] for start in range(0, len(chosen), batch_size))


def _rebatch(parts: Iterator[np.ndarray], batch_size: int) -> Iterator[np.ndarray]:
    """Batches of so many images from parts of any length."""
    waiting, count = [], 0
    with closing(parts):
        for part in parts:
            waiting.append(part)
            count += len(part)
            while count >= batch_size:
                images = np.concatenate(waiting)
                yield images[:batch_size]
                waiting, count = [images[batch_size:]], count - batch_size
    if count:
        yield np.concatenate(waiting)


def _report_progress(counts: Iterator[int], total: int, progress: Progress) -> None:
    """Wait for tasks, each of which tells how many images it was, and report their sum."""
    done = 0
    with closing(counts):
        for number in counts:
            done += number
            progress("Decoding images", done, total)
