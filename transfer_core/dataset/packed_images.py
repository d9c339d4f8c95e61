"""The images of a data set as they were stored, decoded to network input when asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from transfer_core.errors import ImageError
from transfer_core.images.decoding import decode_image
from transfer_core.images.transform import Transform, apply_transform
from transfer_core.system.parallel import group_into_tasks

if TYPE_CHECKING:
    from transfer_core.dataset import DataSet

RowAndIndex = tuple[int, int]  # row of an array, and index of the image that belongs there


@dataclass(frozen=True)
class PackedImages:
    """Image files one after the other in one file, and the transform of each."""

    home: Path
    data_set: "DataSet"
    transform: Transform

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, 3) of all images once they are decoded."""
        size = self.transform.size
        return len(self.data_set.records), size, size, 3

    def group_into_tasks(self, rows: Iterable[RowAndIndex]) -> Iterator[list[RowAndIndex]]:
        """Group places, so that a task is worth a thread and yet soon over."""
        return group_into_tasks(rows, lambda place: self.data_set.records[place[1]].length)

    def parts(self, indices: np.ndarray) -> Iterator[np.ndarray]:
        """The same of images in order: their indices in groups, each int64."""
        for task in self.group_into_tasks(enumerate(indices)):
            yield np.array([index for _, index in task])

    def decode(self, rows: Iterable[RowAndIndex], out: np.ndarray) -> int:
        """Decode images one after the other; returns how many they were.

        May run on many threads at once. Each writes its rows where they are wanted, in
        memory or mapped from the disk, so that no pixels are handed from thread to thread.

        Args:
            rows: Where the images go.
            out: uint8, shape (M, H, W, 3).
        """
        rows = list(rows)
        files = self.data_set.iter_image_bytes(self.home, (index for _, index in rows))
        for (row, index), data in zip(rows, files, strict=True):
            image = _decode_stored_image(data, self.data_set.records[index].path, self.transform)
            out[row] = apply_transform(image, self.transform)
        return len(rows)


def _decode_stored_image(data: bytes, path: str, transform: Transform) -> Image.Image:
    try:
        return decode_image(data, transform.min_decoded_side)
    except ImageError as error:
        raise ImageError(
            "An image of the data set cannot be read any more.",
            found=f"{path} ({error.problem})",
            remedy="Load the data set again.",
        ) from error
