"""Write a folder of the store as a whole or not at all."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from transfer_core.system import flush_to_disk

try:
    import fcntl
except ImportError:  # Windows, where the age alone decides
    fcntl = None

UNFINISHED_PREFIX = ".unfinished-"
LOCKING_SECONDS = 60  # within which a process locks the folder that it made
ABANDONED_AFTER_SECONDS = 3600  # without locks, an older folder belongs to a process that died


@contextmanager
def create_unfinished_folder(data: Path) -> Iterator[Path]:
    """A temporary folder, removed at the end of the block unless it was published.

    It is locked meanwhile, which ends with this process however it ends.
    """
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED_PREFIX, dir=data))
    try:
        with _lock(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, final: Path, is_whole: Callable[[], bool]) -> bool:
    """Move the finished folder to its name.

    Args:
        folder: From `create_unfinished_folder`.
        final: Its name in the store.
        is_whole: Asked where that name is taken; a folder that is not whole is replaced.

    Returns:
        False if a whole folder has that name already.
    """
    flush_to_disk(folder)
    try:
        folder.rename(final)
    except OSError:
        if not final.exists():
            raise
        if is_whole():
            return False
        damaged = Path(tempfile.mkdtemp(prefix=UNFINISHED_PREFIX, dir=final.parent))
        final.rename(damaged / final.name)
        folder.rename(final)
        shutil.rmtree(damaged, ignore_errors=True)
    flush_to_disk(final.parent)
    return True


def remove_abandoned_folders(data: Path) -> None:
    """Remove the unfinished folders of processes that were killed."""
    for folder in data.glob(f"{UNFINISHED_PREFIX}*"):
        with suppress(OSError):  # it was just published or removed
            age = time.time() - max(f.stat().st_mtime for f in (folder, *folder.glob("*")))
            if age > LOCKING_SECONDS and _is_abandoned(folder, age):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path, age: float) -> bool:
    if fcntl is None:
        return age > ABANDONED_AFTER_SECONDS
    try:
        with _lock(folder):
            return True
    except BlockingIOError:
        return False


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder; BlockingIOError if another process holds it."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
