"""Write a data set as a zip of class folders in split folders, which loads again as it is."""

import zipfile
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from transfer_core.archive.names import same_file_key
from transfer_core.dataset.types import DataSet
from transfer_core.parallel import Progress

STEM = 30  # characters of a name that stays, where another file had it already
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # instead of the clock, so that equal data sets give equal zips


def write_zip(
    home: Path, data_set: DataSet, target: Path | BinaryIO, progress: Progress | None = None
) -> None:
    """Write the original files of all images as train/class/name, validation/... and test/...

    Loaded again, the zip has the same classes, images and splits. Only where exact copies
    stand in several parts of the split, as in a class of few different images, they
    are left out again as leaks.

    Args:
        home: The data folder.
        data_set: What to write.
        target: The zip, or an open binary file.
        progress: Called with images done and images in all; may raise to end the work.

    Raises:
        FileNotFoundError: If the data set was removed from the disk.
    """
    names, everything = _names(data_set), range(len(data_set.records))
    # Stored: image files are compressed already.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for number, data in enumerate(data_set.contents(home, everything)):
            archive.writestr(zipfile.ZipInfo(names[number], LONG_AGO), data)
            if progress:
                progress(number + 1, len(names))


def _names(data_set: DataSet) -> list[str]:
    """A name for each image, none of which any computer takes for another."""
    names, taken, tried = [], set(), Counter()
    for record in data_set.records:
        folder = f"{record.split}/{data_set.classes[record.label]}"
        name = f"{folder}/{record.path.rpartition('/')[2]}"
        stem, _, ending = record.path.rpartition("/")[2].rpartition(".")
        while (key := same_file_key(name)) in taken:
            tried[folder] += 1
            name = f"{folder}/{stem[:STEM].strip()}-{tried[folder]}.{ending}"
        taken.add(key)
        names.append(name)
    return names
