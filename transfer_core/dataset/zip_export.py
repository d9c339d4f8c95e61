"""Write a data set as a zip of class folders in split folders, which loads again as it is."""

import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from transfer_core.dataset.archive.entry_paths import normalise_path
from transfer_core.dataset.types import DataSet

MAX_STEM_LENGTH = 30  # characters that stay of a name that another file has already
ZIP_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # of every file, so that equal data sets give equal zips


def stream_zip(home: Path, data_set: DataSet) -> Iterator[bytes]:
    """The original files of all images as a zip of train/class/name, validation/... and test/...

    The pieces are an image at a time, so that the zip never lies in memory as a whole. Read
    again, it gives the same classes, images and splits, except that exact copies in several
    parts of the split are removed again as leaks.

    Args:
        home: The data folder.
        data_set: The data set to write.

    Raises:
        FileNotFoundError: If the data set was removed from the disk.
    """
    written, everything = _ZipBuffer(), range(len(data_set.records))
    names = _make_unique_names(data_set)
    # Stored: image files are compressed already.
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, data in zip(names, data_set.iter_image_bytes(home, everything), strict=True):
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIMESTAMP), data)
            yield written.take()
    yield written.take()


class _ZipBuffer(io.RawIOBase):
    """The bytes that a zip file wrote and `take` has not returned yet; it cannot seek."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """All bytes since the last call."""
        pieces, self._chunks = self._chunks, []
        return b"".join(pieces)


def _make_unique_names(data_set: DataSet) -> list[str]:
    """A name for each image; no two of them are one file on Windows or macOS."""
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
