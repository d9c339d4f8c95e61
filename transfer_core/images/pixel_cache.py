"""Pixels of a whole data set, decoded once and kept on disk."""

import os
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from transfer_core.errors import ImageError
from transfer_core.images.decoding import decode
from transfer_core.images.transform import Transform, apply
from transfer_core.parallel import Progress, StopRequested, batches, in_order

if TYPE_CHECKING:
    from transfer_core.dataset import DataSet


def pixels(
    home: Path,
    data_set: "DataSet",
    transform: Transform,
    progress: Progress | None = None,
    stop: StopRequested | None = None,
) -> np.ndarray:
    """All images of a data set as network input.

    Args:
        home: The data folder; the result is kept there.
        data_set: An ingested data set.
        transform: To the wanted size.
        progress: Called with images done and images in all; may raise to end the work.
        stop: Asked at least five times a second.

    Returns:
        uint8, shape (N, H, W, 3), in the order of `data_set.records`; read-only, and
        memory-mapped, so that only what is touched is in memory.

    Raises:
        WorkStopped: If `stop` said so.
    """
    kept = _file(home, data_set, transform)
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own for each attempt: two runs may decode the same set at once.
        handle, name = tempfile.mkstemp(suffix=".part", dir=kept.parent)
        os.close(handle)
        try:
            shape = len(data_set.records), transform.size, transform.size, 3
            array = np.lib.format.open_memmap(name, "w+", np.uint8, shape)
            everything = np.arange(len(array))
            _decode_into(array, home, data_set, transform, everything, progress, stop)
            array.flush()
            os.replace(name, kept)
        finally:
            Path(name).unlink(missing_ok=True)
    return np.load(kept, mmap_mode="r")


def some_pixels(
    home: Path,
    data_set: "DataSet",
    transform: Transform,
    indices: np.ndarray,
    progress: Progress | None = None,
) -> np.ndarray:
    """Some images of a data set as network input, without decoding the others.

    Args:
        home: The data folder; what `pixels` kept there is used.
        data_set: An ingested data set.
        transform: To the wanted size.
        indices: Of the wanted images, int64 (N,).
        progress: Called with images done and images in all; may raise to end the work.

    Returns:
        uint8, shape (N, H, W, 3), in memory.
    """
    kept = _file(home, data_set, transform)
    if kept.is_file():
        return np.load(kept, mmap_mode="r")[indices]
    array = np.empty((len(indices), transform.size, transform.size, 3), np.uint8)
    _decode_into(array, home, data_set, transform, indices, progress)
    return array


def _file(home: Path, data_set: "DataSet", transform: Transform) -> Path:
    return home / "pixels" / data_set.id / f"{transform.key}.npy"


def _decode_into(
    array: np.ndarray, home: Path, data_set: "DataSet", transform, indices, progress, stop=None
) -> None:
    """Decode the images of these indices to the rows of an array."""

    def decode_batch(rows: list[int]) -> int:
        chosen = [indices[row] for row in rows]
        for row, index, data in zip(rows, chosen, data_set.contents(home, chosen), strict=True):
            image = _decoded(data, data_set.records[index].path, transform)
            array[row] = apply(image, transform)
        return len(rows)

    done = 0
    tasks = batches(range(len(indices)), lambda row: data_set.records[indices[row]].length)
    with closing(in_order(decode_batch, tasks, stop)) as decoded:
        for number in decoded:
            done += number
            if progress:
                progress(done, len(indices))


def _decoded(data: bytes, path: str, transform: Transform) -> Image.Image:
    try:
        return decode(data, transform.least_side)
    except ImageError as error:
        raise ImageError(
            "An image of the data set cannot be read any more.",
            found=f"{path} ({error.problem})",
            remedy="Load the data set again.",
        ) from error
