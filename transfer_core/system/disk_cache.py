"""Bound what caches take on the disk: what was used longest ago makes room for what is new.

An entry is one file. While it is written it ends in `.part`, counts with its full size and is
locked by its process; without a lock it was left behind by one that died. Arrays are mapped into
memory, so one that is removed while another thread or process reads it stays readable there
(Windows refuses to remove it, and it is passed over).
"""

import errno
import logging
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock

from transfer_core.errors import SettingsError
from transfer_core.system.files import UNFINISHED_SUFFIX

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed anyway
    fcntl = None

SETTING = "TRANSFER_CACHE_GB"
CACHE_FOLDERS = ("pixels", "embeddings")  # folders under the data folder
GIGABYTE = 10**9  # bytes
DEFAULT_LIMIT = 100 * GIGABYTE  # where nothing is set
MIN_FREE_BYTES = GIGABYTE  # stays free for runs and data sets, whatever is set
NPY_HEADER_BYTES = 128  # bytes of a .npy file before its values
LOCK_TIMEOUT_SECONDS = 10.0  # seconds, with another process that makes room just now

_LOG = logging.getLogger(__name__)


class CacheFullError(OSError):
    """A new entry has no room, within the limit or on the disk; the work goes on without."""


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    used_ns: int  # nanoseconds since 1970
    path: Path
    size: int  # bytes

    @property
    def is_removable(self) -> bool:
        """Whether nobody is writing this."""
        if self.path.suffix != UNFINISHED_SUFFIX or fcntl is None:
            return True
        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def get_limit(home: Path) -> int:
    """Bytes that all caches may take together.

    By default half of what would be free without them, at most 100 GB; or what
    `TRANSFER_CACHE_GB` says, as long as a gigabyte of the disk stays free.

    Raises:
        SettingsError: If that is no size.
    """
    return _compute_limit(home, sum(entry.size for entry in _iter_entries(home)))


def open_array(path: Path) -> np.ndarray | None:
    """An entry that is an array, as a read-only memory map, marked as used; None without it."""
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):  # never kept, removed, or cut off with the power
        return None
    mark_used(path)
    return array


def mark_used(path: Path) -> None:
    """Let an entry stay longer than those used before now."""
    now = time.time_ns()  # finer than the clock that the system itself would set
    with suppress(OSError):  # removed just now, or a disk that cannot be written
        os.utime(path, ns=(now, now))


@contextmanager
def add_entry(home: Path, path: Path, size: int) -> Iterator[BinaryIO]:
    """Make room for a new entry and give the file to write; it is kept if the block ends well.

    Args:
        home: The data folder.
        path: The entry's, in one of CACHES.
        size: Bytes of the entry. So many are taken on the disk before the block begins, so
            that writing them, also through a memory map, cannot meet a full disk.

    Raises:
        NoRoom: Before the block.
    """
    handle, part = _begin_entry(home, path, size)
    try:
        with os.fdopen(handle, "rb+") as file:
            yield file
            _publish(home, file, part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _begin_entry(home: Path, path: Path, size: int) -> tuple[int, Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock_caches(home):  # nobody else takes the room before it is taken
            _make_room(home, size)
            return _allocate_file(path.parent, size)
    except OSError as error:
        _LOG.warning("%s is not kept: %s", path, error)
        raise CacheFullError(*error.args) from error


def _publish(home: Path, file: BinaryIO, part: Path, path: Path) -> None:
    try:
        file.flush()
        os.fsync(file.fileno())
        with _lock_caches(home):  # nobody else finds it without its lock
            file.close()
            mark_used(part)
            part.replace(path)
    except OSError as error:
        _LOG.warning("%s is not kept: %s", path, error)


def _lock_caches(home: Path) -> FileLock:
    return FileLock(home / "caches.lock", timeout=LOCK_TIMEOUT_SECONDS)


def _make_room(home: Path, size: int) -> None:
    """Remove the entries used longest ago, until so many bytes more are within the limit.

    Folders stay: another thread may be about to write there.
    """
    entries = sorted(_iter_entries(home))
    total = sum(entry.size for entry in entries)
    most = _compute_limit(home, total) - size
    removable = [entry for entry in entries if entry.is_removable]
    if total - sum(entry.size for entry in removable) > most:
        raise OSError(errno.ENOSPC, f"{size:,} bytes are more than {SETTING} or the disk allows")
    for entry in removable:
        if total > most or entry.path.suffix == UNFINISHED_SUFFIX:
            with suppress(OSError):  # open in some process, on Windows
                entry.path.unlink(missing_ok=True)
                total -= entry.size


def _allocate_file(folder: Path, size: int) -> tuple[int, Path]:
    """A new file, open and locked; each has its own name: two may write the same entry at once."""
    handle, name = tempfile.mkstemp(suffix=UNFINISHED_SUFFIX, dir=folder)
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if hasattr(os, "posix_fallocate") and size:
            os.posix_fallocate(handle, 0, size)
        else:
            os.truncate(handle, size)
    except OSError:
        os.close(handle)
        Path(name).unlink()
        raise
    return handle, Path(name)


def _iter_entries(home: Path) -> Iterator[_Entry]:
    for cache in CACHE_FOLDERS:
        for folder, _, names in os.walk(home / cache):
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):  # removed just now
                    known = path.stat()
                    yield _Entry(known.st_mtime_ns, path, known.st_size)


def _compute_limit(home: Path, taken: int) -> int:
    available = shutil.disk_usage(home).free + taken
    setting = os.environ.get(SETTING)
    if not setting:
        return min(DEFAULT_LIMIT, available // 2)
    return max(0, min(_parse_gigabytes(setting), available - MIN_FREE_BYTES))


def _parse_gigabytes(setting: str) -> int:
    with suppress(ValueError):
        if 0 <= float(setting) < math.inf:
            return int(float(setting) * GIGABYTE)
    raise SettingsError(
        f"{SETTING} is not a size.",
        found=repr(setting[:40]),
        remedy="Set it to gigabytes, such as 20, or take it away.",
    )
