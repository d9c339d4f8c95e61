"""Pixels of a whole data set, decoded once and kept on disk."""

import os
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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
    kept = home / "pixels" / data_set.id / f"{transform.key}.npy"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own for each attempt: two runs may decode the same set at once.
        handle, name = tempfile.mkstemp(suffix=".part", dir=kept.parent)
        os.close(handle)
        try:
            _write(Path(name), home, data_set, transform, progress, stop)
            os.replace(name, kept)
        finally:
            Path(name).unlink(missing_ok=True)
    return np.load(kept, mmap_mode="r")


def _write(path: Path, home: Path, data_set: "DataSet", transform, progress, stop) -> None:
    count, size = len(data_set.records), transform.size
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (count, size, size, 3))
    pack = data_set.pack(home)

    def decode_batch(batch: list[int]) -> int:
        with pack.open("rb") as file:
            for index in batch:
                record = data_set.records[index]
                file.seek(record.offset)
                array[index] = apply(_decoded(file.read(record.length), record.path), transform)
        return len(batch)

    done = 0
    tasks = batches(range(count), lambda index: data_set.records[index].length)
    with closing(in_order(decode_batch, tasks, stop)) as decoded:
        for number in decoded:
            done += number
            if progress:
                progress(done, count)
    array.flush()


def _decoded(data: bytes, path: str):
    try:
        return decode(data)
    except ImageError as error:
        raise ImageError(
            "An image of the data set cannot be read any more.",
            found=f"{path} ({error.problem})",
            remedy="Load the data set again.",
        ) from error
