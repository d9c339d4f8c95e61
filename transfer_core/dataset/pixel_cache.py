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
from transfer_core.system.disk_cache import HEADER, NoRoom, adding, limit, opened
from transfer_core.system.parallel import Progress, StopRequested, in_order

if TYPE_CHECKING:
    from transfer_core.dataset import DataSet

SHARE = 0.75  # of the caches' limit that one data set may take; its embeddings need some too


class Pixels:
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
        kept = opened(self._file)
        outgrown = kept is not None and len(kept) < len(self) == self._fitting()
        self._kept = self._empty(0) if kept is None or outgrown else kept

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def kept(self) -> bool:
        """Whether all images are kept decoded already."""
        return len(self._kept) == len(self)

    @property
    def room(self) -> int:
        """How many of the images are kept decoded, or will be once all were read."""
        return len(self._kept) or self._fitting()

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        """Images of a slice, or of indices of which none is negative: uint8 (M, H, W, 3)."""
        if self.kept:
            return self._kept[key]
        return self.read(np.arange(*key.indices(len(self))) if isinstance(key, slice) else key)

    def read(self, indices: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """Some images, decoded on all cores where they are not kept.

        Args:
            indices: int64 (M,), none of them negative.
            progress: Called with images done and images in all; may raise to end the work.

        Returns:
            uint8, shape (M, H, W, 3), in memory.
        """
        found, missing = self._known(indices)
        if missing:
            decode = partial(self._packed.decode, into=found)
            _told(in_order(decode, self._packed.tasks(missing)), len(missing), progress)
        return found

    def keep(self, progress: Progress | None = None, stop: StopRequested | None = None) -> None:
        """Decode as many images as there is room for, if that was not done before.

        Args:
            progress: Called with images done and images in all; may raise to end the work.
            stop: Asked at least five times a second.

        Raises:
            WorkStopped: If `stop` said so.
        """
        if len(self._kept):
            return
        with suppress(NoRoom), self._new_file() as array:
            decode = partial(self._packed.decode, into=array)
            tasks = self._packed.tasks((row, row) for row in range(len(array)))
            _told(in_order(decode, tasks, stop), len(array), progress)

    def in_batches(
        self, size: int, indices: np.ndarray | None = None, stop: StopRequested | None = None
    ) -> Iterator[np.ndarray]:
        """Images in order, while the next ones are decoded, or read, on other threads.

        Where all images are read for the first time, they are kept on the way.

        Args:
            size: Images at a time; the last time perhaps fewer.
            indices: Of the wanted images, int64 (M,); None for all.
            stop: Asked at least five times a second.

        Raises:
            WorkStopped: If `stop` said so.
        """
        parts = self._packed.parts(np.arange(len(self)) if indices is None else indices)
        if indices is None and not len(self._kept):
            with suppress(NoRoom), self._new_file() as array:  # raised before the first batch
                decode = partial(self._decoded, into=array)
                yield from _joined(in_order(decode, parts, stop), size)
                return
        yield from _joined(in_order(self._read_alone, parts, stop), size)

    def _fitting(self) -> int:
        """How many images a new file may hold."""
        return min(len(self), int(SHARE * limit(self._home)) // prod(self.shape[1:]))

    @contextmanager
    def _new_file(self) -> Iterator[np.ndarray]:
        """Rows for as many images as fit, mapped from a file that is kept if the block ends well.

        Raises:
            NoRoom: Before the block.
        """
        shape = self._fitting(), *self.shape[1:]
        if not shape[0]:
            raise NoRoom("not even one image fits")
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        with adding(self._home, self._file, HEADER + prod(shape)) as file:
            np.lib.format.write_array_header_1_0(file, header)
            array = np.memmap(file, np.uint8, "r+", file.tell(), shape)
            yield array
        array.flags.writeable = False
        self._kept = array

    def _known(self, indices: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
        """Images with gaps where they are not kept, and what belongs into the gaps."""
        here = indices < len(self._kept)
        if here.all():
            return self._kept[indices], []
        found = self._empty(len(indices))
        found[here] = self._kept[indices[here]]
        missing = np.flatnonzero(~here)
        return found, list(zip(missing, indices[missing], strict=True))

    def _read_alone(self, indices: np.ndarray) -> np.ndarray:
        """Some images, decoded on this thread where they are not kept."""
        found, missing = self._known(indices)
        if missing:
            self._packed.decode(missing, found)
        return found

    def _decoded(self, indices: np.ndarray, into: np.ndarray) -> np.ndarray:
        """Consecutive images, decoded to their rows of an array as far as it reaches."""
        first, end = indices[0], indices[-1] + 1
        if end <= len(into):
            self._packed.decode(zip(indices, indices, strict=True), into)
            return into[first:end]
        found = self._empty(len(indices))
        self._packed.decode(enumerate(indices), found)
        into[first:] = found[: max(0, len(into) - first)]
        return found

    def _empty(self, count: int) -> np.ndarray:
        return np.empty((count, *self.shape[1:]), np.uint8)


def pixels(
    home: Path,
    data_set: "DataSet",
    transform: Transform,
    progress: Progress | None = None,
    stop: StopRequested | None = None,
) -> Pixels:
    """All images of a data set, decoded as far as there is room; arguments as for `Pixels.keep`."""
    found = Pixels(home, data_set, transform)
    found.keep(progress, stop)
    return found


def in_batches(
    pixels: np.ndarray | Pixels,
    size: int,
    indices: np.ndarray | None = None,
    stop: StopRequested | None = None,
) -> Iterator[np.ndarray]:
    """Batches of images in order, as `Pixels.in_batches`, of an array too."""
    if isinstance(pixels, Pixels):
        return pixels.in_batches(size, indices, stop)
    chosen = pixels if indices is None else pixels[indices]
    return (chosen[start : start + size] for start in range(0, len(chosen), size))


def _joined(parts: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Batches of so many images from parts of any length."""
    waiting, count = [], 0
    with closing(parts):
        for part in parts:
            waiting.append(part)
            count += len(part)
            while count >= size:
                images = np.concatenate(waiting)
                yield images[:size]
                waiting, count = [images[size:]], count - size
    if count:
        yield np.concatenate(waiting)


def _told(numbers: Iterator[int], total: int, progress: Progress | None) -> None:
    """Wait for tasks, each of which tells how many images it was, and report their sum."""
    done = 0
    with closing(numbers):
        for number in numbers:
            done += number
            if progress:
                progress(done, total)
