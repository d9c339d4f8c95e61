"""Write a data set as a zip of class folders in split folders, which loads again as it is."""

import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from transfer_core.dataset.archive.names import normalise_path
from transfer_core.dataset.types import DataSet

MAX_STEM_LENGTH = 30  # characters of a name that stays, where another file had it already
ZIP_TIMESTAMP = (
    1980,
    1,
    1,
    0,
    0,
    0,
)  # instead of the clock, so that equal data sets give equal zips


def stream_zip(home: Path, data_set: DataSet) -> Iterator[bytes]:
    """The original files of all images as a zip of train/class/name, validation/... and test/...

    It comes in pieces, an image at a time, so that it never lies in memory as a whole. Loaded
    again, it has the same classes, images and splits. Only where exact copies stand in
    several parts of the split, as in a class of few different images, they are left out
    again as leaks.

    Args:
        home: The data folder.
        data_set: What to write.

    Raises:
        FileNotFoundError: If the data set was removed from the disk.
    """
    names, everything, written = (
        _make_unique_names(data_set),
        range(len(data_set.records)),
        _ZipBuffer(),
    )
    # Stored: image files are compressed already.
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, data in zip(names, data_set.iter_image_bytes(home, everything), strict=True):
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIMESTAMP), data)
            yield written.take()
    yield written.take()


class _ZipBuffer(io.RawIOBase):
    """What a zip file wrote and nobody took yet; it cannot go back, as a connection cannot."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Everything since it was asked last."""
        pieces, self._chunks = self._chunks, []
        return b"".join(pieces)


def _make_unique_names(data_set: DataSet) -> list[str]:
    """A name for each image, none of which any computer takes for another."""
    names, taken, tried = [], set(), Counter()
    for record in data_set.records:
        folder = f"{record.split}/{data_set.classes[record.label]}"
        name = f"{folder}/{record.path.rpartition('/')[2]}"
        stem, _, ending = record.path.rpartition("/")[2].rpartition(".")
        while (key := normalise_path(name)) in taken:
            tried[folder] += 1
            name = f"{folder}/{stem[:MAX_STEM_LENGTH].strip()}-{tried[folder]}.{ending}"
        taken.add(key)
        names.append(name)
    return names
