"""Write a folder of the store as a whole or not at all."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from transfer_core.errors import DataSetError

ABANDONED_AFTER_SECONDS = 3600  # an older unfinished folder belongs to a process that died


@contextmanager
def create_unfinished_folder(data: Path) -> Iterator[Path]:
    """A temporary folder, removed at the end of the block unless it was published."""
    folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=data))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, final: Path) -> bool:
    """Move the finished folder to its name; returns False if that data set exists already."""
    try:
        folder.rename(final)
    except OSError:
        if not (final / "dataset.json").is_file():
            raise
        return False
    return True


def remove_abandoned_folders(data: Path) -> None:
    """Remove the unfinished folders of processes that were killed."""
    for folder in data.glob(".unfinished-*"):
        with suppress(FileNotFoundError):  # it was just published or removed
            newest = max(f.stat().st_mtime for f in (folder, *folder.glob("*")))
            if time.time() - newest > ABANDONED_AFTER_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def translate_disk_errors() -> Iterator[None]:
    """Raise a DataSetError, which a person can mend, if the disk is full or not writable."""
    try:
        yield
    except OSError as error:
        raise DataSetError(
            "The data folder cannot be used.",
            found=error.strerror or str(error),
            remedy="Free space on the disk, or choose another folder with TRANSFER_HOME.",
        ) from error
