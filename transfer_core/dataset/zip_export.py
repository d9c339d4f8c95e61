"""Write a data set as a zip of class folders in split folders, which loads again as it is."""

import io
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from transfer_core.dataset.archive.entry_paths import normalise_path
from transfer_core.dataset.types import DataSet, ImageRecord
from transfer_core.images import CleanImage, ImageCleaner, find_endings
from transfer_core.system import group_into_tasks

MAX_STEM_LENGTH = 30  # characters that stay of a name that another file has already
ZIP_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # of every file, so that equal data sets give equal zips


def stream_zip(home: Path, data_set: DataSet) -> Iterator[bytes]:
    """The files of all images as a zip of train/class/name, validation/... and test/...

    They hold pixels only, as `iter_clean_images` gives them, and their names end as their content
    says. The pieces are an image at a time, so that the zip never lies in memory as a whole. Read
    again, it gives the same classes, images and splits, except that exact copies in several
    parts of the split are removed again as leaks.

    Args:
        home: The data folder.
        data_set: The data set to write.

    Raises:
        FileNotFoundError: If the data set was removed from the disk.
    """
    written, namer = _ZipBuffer(), _Namer(data_set)
    # Stored: image files are compressed already.
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for record, data in iter_clean_images(home, data_set):
            name = namer.name(record, find_endings(data))
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIMESTAMP), data)
            yield written.take()
    yield written.take()


def iter_clean_images(home: Path, data_set: DataSet) -> Iterator[tuple[ImageRecord, bytes]]:
    """Each image with a file of its pixels and nothing else.

    Older data sets hold the files as they came, and are cleaned on their way out; a file that
    cannot be decoded within today's limits is left out.

    Raises:
        FileNotFoundError: If the data set was removed from the disk.
    """
    records = data_set.records
    files = data_set.iter_image_bytes(home, range(len(records)))
    if data_set.import_summary.is_clean:
        yield from zip(records, files, strict=True)
        return
    with ImageCleaner() as cleaner:
        for task in group_into_tasks(zip(records, files, strict=True), lambda each: len(each[1])):
            cleaned = cleaner.clean([data for _, data in task])
            for (record, _), image in zip(task, cleaned, strict=True):
                if isinstance(image, CleanImage):
                    yield record, image.data


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


class _Namer:
    """Makes a name for each image; no two of them are one file on Windows or macOS."""

    def __init__(self, data_set: DataSet) -> None:
        self._classes, self._taken, self._tried = data_set.classes, set(), Counter()

    def name(self, record: ImageRecord, endings: Sequence[str]) -> str:
        """The path of an image in the zip; its ending is the first one, unless it has another."""
        folder = f"{record.split}/{self._classes[record.label]}"
        stem, _, ending = record.path.rpartition("/")[2].rpartition(".")
        if endings and ending.lower() not in endings:
            ending = endings[0]
        name = f"{folder}/{stem}.{ending}"
        while (key := normalise_path(name)) in self._taken:
            self._tried[folder] += 1
            name = f"{folder}/{stem[:MAX_STEM_LENGTH].strip()}-{self._tried[folder]}.{ending}"
        self._taken.add(key)
        return name
