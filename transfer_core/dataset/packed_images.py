"""Decode the stored image files of a data set to network input."""

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

RowAndIndex = tuple[int, int]  # row of the output array, index of the image


@dataclass(frozen=True)
class PackedImages:
    """The image files of a data set, packed into one file, and the transform to network input."""

    home: Path
    data_set: "DataSet"
    transform: Transform

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, 3): the shape of all images after decoding."""
        size = self.transform.size
        return len(self.data_set.records), size, size, 3

    def group_into_tasks(self, rows: Iterable[RowAndIndex]) -> Iterator[list[RowAndIndex]]:
        """Split rows into tasks that are worth a thread and yet short."""
        return group_into_tasks(rows, lambda row: self.data_set.records[row[1]].length)

    def split_indices(self, indices: np.ndarray) -> Iterator[np.ndarray]:
        """Split image indices into groups, each worth one decoding task, int64 each."""
        for task in self.group_into_tasks(enumerate(indices)):
            yield np.array([index for _, index in task])

    def decode(self, rows: Iterable[RowAndIndex], out: np.ndarray) -> int:
        """Decode images into rows of an array, and return the number of images.

        Threads may decode into the same array at once, in memory or mapped from disk.

        Args:
            rows: Output row and image index of each image.
            out: uint8, shape (M, H, W, 3).

        Raises:
            ImageError: If an image cannot be decoded any more.
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
