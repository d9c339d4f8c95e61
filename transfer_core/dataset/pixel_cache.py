"""Pixels of a whole data set: decoded once and cached on disk, as far as there is room."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transfer_core.dataset.packed_images import PackedImages
from transfer_core.images import Transform
from transfer_core.languages import N_
from transfer_core.system import (
    NPY_HEADER_BYTES,
    CacheFullError,
    Progress,
    StopRequested,
    add_entry,
    get_limit,
    ignore_progress,
    map_in_order,
    open_array,
)

if TYPE_CHECKING:
    from transfer_core.dataset import DataSet

MAX_CACHE_FRACTION = 0.75  # of the caches' limit for one data set; its embeddings need the rest


class PixelArray:
    """All images of a data set as network input, indexed like an array.

    As many images as there is room for are decoded to a file that is mapped into memory. The
    others are decoded on all cores each time they are read.

    Args:
        home: The data folder.
        data_set: An ingested data set.
        transform: To network input.

    Attributes:
        shape: (N, H, W, 3), in the order of `data_set.records`.
    """

    def __init__(self, home: Path, data_set: "DataSet", transform: Transform) -> None:
        self._home, self._packed = home, PackedImages(home, data_set, transform)
        self._file = home / "pixels" / data_set.id / f"{transform.key}.npy"
        self.shape = self._packed.shape
        array = open_array(self._file)
        # A cache of fewer images is written again if all of them have room now.
        is_outgrown = array is not None and len(array) < len(self) == self._count_fitting()
        self._cached = self._allocate(0) if array is None or is_outgrown else array

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def is_cached(self) -> bool:
        """Whether all images are in the cache."""
        return len(self._cached) == len(self)

    @property
    def cache_capacity(self) -> int:
        """Number of images that the cache holds, or will hold once all were read."""
        return len(self._cached) or self._count_fitting()

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        """Images of a slice, or of indices >= 0 (int64, (M,)), as uint8 (M, H, W, 3)."""
        if self.is_cached:
            return self._cached[key]
        return self.read(np.arange(*key.indices(len(self))) if isinstance(key, slice) else key)

    def read(self, indices: np.ndarray, progress: Progress = ignore_progress) -> np.ndarray:
        """Some images; those that are not in the cache are decoded on all cores.

        Args:
            indices: int64 (M,), each >= 0.
            progress: Called with what is done, images done and total; may raise to end the work.

        Returns:
            uint8, shape (M, H, W, 3), in memory.
        """
        pixels, missing = self._read_cached(indices)
        if missing:
            decode = partial(self._packed.decode, out=pixels)
            _report_progress(
                map_in_order(decode, self._packed.group_into_tasks(missing)), len(missing), progress
            )
        return pixels

    def fill_cache(
        self, progress: Progress = ignore_progress, stop: StopRequested | None = None
    ) -> None:
        """Decode as many images as there is room for, unless that was done before.

        Args:
            progress: Called with what is done, images done and total; may raise to end the work.
            stop: Called at least five times a second; True ends the work.

        Raises:
            WorkStopped: If `stop` returned True.
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
        """Images in order, while other threads decode the next ones.

        The first time that all images are read, they are written to the cache too, unless they lie
        in shards: so many are seldom read twice, and would drive everything else out.

        Args:
            batch_size: Images of each batch; the last one may have fewer.
            indices: Of the images to read, int64 (M,); None for all.

        Yields:
            uint8, shape (B, H, W, 3).
            stop: Called at least five times a second; True ends the work.

        Raises:
            WorkStopped: If `stop` returned True.
        """
        everything = np.arange(len(self))
        parts = self._packed.split_indices(everything if indices is None else indices)
        if indices is None and not len(self._cached) and not self._packed.data_set.shards:
            # CacheFullError can only come before the first batch.
            with suppress(CacheFullError), self._create_cache_file() as array:
                decode = partial(self._decode_into_cache, out=array)
                yield from _rebatch(map_in_order(decode, parts, stop), batch_size)
                return
        yield from _rebatch(map_in_order(self._read_on_this_thread, parts, stop), batch_size)

    def _count_fitting(self) -> int:
        """Number of images that a new cache file may hold."""
        return min(
            len(self), int(MAX_CACHE_FRACTION * get_limit(self._home)) // prod(self.shape[1:])
        )

    @contextmanager
    def _create_cache_file(self) -> Iterator[np.ndarray]:
        """Map a new cache file with a row for each image that fits; keep it if the block succeeds.

        Raises:
            CacheFullError: Before the block, if not even one image fits.
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
        """Cached images in their rows, and (row, index) of the images that have to be decoded."""
        is_cached = indices < len(self._cached)
        if is_cached.all():
            return self._cached[indices], []
        pixels = self._allocate(len(indices))
        pixels[is_cached] = self._cached[indices[is_cached]]
        missing = np.flatnonzero(~is_cached)
        return pixels, list(zip(missing, indices[missing], strict=True))

    def _read_on_this_thread(self, indices: np.ndarray) -> np.ndarray:
        """Some images; those that are not in the cache are decoded on this thread."""
        pixels, missing = self._read_cached(indices)
        if missing:
            self._packed.decode(missing, pixels)
        return pixels

    def _decode_into_cache(self, indices: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Decode consecutive images, those within the cache file to their rows of it."""
        first, end = indices[0], indices[-1] + 1
        if end <= len(out):
            self._packed.decode(zip(indices, indices, strict=True), out)
            return out[first:end]
        pixels = self._allocate(len(indices))
        self._packed.decode(enumerate(indices), pixels)
        out[first:] = pixels[: max(0, len(out) - first)]
        return pixels

    def _allocate(self, count: int) -> np.ndarray:
        return np.empty((count, *self.shape[1:]), np.uint8)


def load_pixels(
    home: Path,
    data_set: "DataSet",
    transform: Transform,
    progress: Progress = ignore_progress,
    stop: StopRequested | None = None,
) -> PixelArray:
    """All images of a data set, cached as far as there is room; see `PixelArray.fill_cache`."""
    pixels = PixelArray(home, data_set, transform)
    pixels.fill_cache(progress, stop)
    return pixels


def iter_batches(
    pixels: np.ndarray | PixelArray,
    batch_size: int,
    indices: np.ndarray | None = None,
    stop: StopRequested | None = None,
) -> Iterator[np.ndarray]:
    """Batches of images in order, as `PixelArray.iter_batches`, also from a NumPy array."""
    if isinstance(pixels, PixelArray):
        return pixels.iter_batches(batch_size, indices, stop)
    selected = pixels if indices is None else pixels[indices]
    return (selected[start : start + batch_size] for start in range(0, len(selected), batch_size))


def _rebatch(parts: Iterator[np.ndarray], batch_size: int) -> Iterator[np.ndarray]:
    """Join and cut parts of any length into batches of `batch_size` images."""
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
    """Wait for decoding tasks and report the sum of the images that they return."""
    done = 0
    with closing(counts):
        for number in counts:
            done += number
            progress(N_("Decoding images"), done, total)
