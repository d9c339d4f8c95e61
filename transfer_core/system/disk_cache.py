"""Limit the disk space of caches: the entries used longest ago make room for new ones.

An entry is one file: an array and, behind it, a hash by which a reader notices damage. A damaged
entry, or one without a hash, counts as missing. The time of its last use is the file's access time.
While it is written, its name ends in `.part`, it counts with its full size and its process holds a
lock on it; without a lock, its process has died. Arrays are mapped into memory, so a removed one
stays readable for those who have it open (Windows refuses to remove it, and it stays).
"""

import errno
import hashlib
import io
import json
import logging
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock

from transfer_core.errors import SettingsError
from transfer_core.languages import _
from transfer_core.system.files import UNFINISHED_SUFFIX, write_atomically

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed anyway
    fcntl = None

SETTING = "TRANSFER_CACHE_GB"
CACHE_FOLDERS = ("pixels", "embeddings", "shards")  # folders under the data folder
GIGABYTE = 10**9  # bytes
DEFAULT_LIMIT = 100 * GIGABYTE
MIN_FREE_BYTES = GIGABYTE  # always stays free for runs and data sets
NPY_HEADER_BYTES = 128  # bytes of a .npy file before its values
HASH_BYTES = hashlib.sha256().digest_size  # behind the values
BLOCK_BYTES = 1 << 20  # read at a time to be hashed
LOCK_TIMEOUT_SECONDS = 10.0  # while another process makes room

_LOG = logging.getLogger(__name__)


class CacheFullError(OSError):
    """A new entry has no room, within the limit or on the disk; go on without the cache."""


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    used_ns: int  # nanoseconds since 1970
    path: Path
    size: int  # bytes

    @property
    def is_removable(self) -> bool:
        """Whether no process is writing this entry."""
        if self.path.suffix != UNFINISHED_SUFFIX or fcntl is None:
            return True
        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def get_limit(home: Path) -> int:
    """Bytes that all caches together may take.

    The default is half of the disk space that would be free without them, at most 100 GB.
    `TRANSFER_CACHE_GB` sets another limit; a gigabyte of the disk always stays free.

    Raises:
        SettingsError: If `TRANSFER_CACHE_GB` is not a size.
    """
    return _compute_limit(home, sum(entry.size for entry in _iter_entries(home)))


def open_array(path: Path) -> np.ndarray | None:
    """Open an array of the cache as a read-only memory map; None if it is not there.

    The entry counts as used now.
    """
    try:
        array = np.load(path, mmap_mode="r")
        status = path.stat()
    except Exception:  # missing, or damaged: NumPy raises many kinds on a header that is
        return None
    size = array.offset + array.nbytes
    if not _is_whole(path, size, status.st_size, status.st_mtime_ns):
        _LOG.warning("%s is damaged; it is made again", path)
        return None
    mark_used(path)
    return array


def open_file(path: Path, size: int) -> BinaryIO | None:
    """Open an entry of so many bytes, which is used now; None if it is not there or damaged."""
    with suppress(FileNotFoundError):
        status = path.stat()
        if _is_whole(path, size, status.st_size, status.st_mtime_ns):
            mark_used(path)
            return path.open("rb")
        _LOG.warning("%s is damaged; it is made again", path)
    return None


def save_array(path: Path, array: np.ndarray) -> None:
    """Write a small array with its hash for `open_array`, outside the limit of the caches."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    content = buffer.getvalue()
    write_atomically(path, content + hashlib.sha256(content).digest())


@lru_cache(maxsize=4096)
def _is_whole(path: Path, size: int, file_size: int, _mtime_ns: int) -> bool:
    """Whether the hash behind the array is right; computed once for each version of a file."""
    if file_size != size + HASH_BYTES:
        return False
    with path.open("rb") as file:
        return _hash_start(file, size) == file.read(HASH_BYTES)


def _hash_start(file: BinaryIO, size: int) -> bytes:
    """The hash of the first `size` bytes; the file is then read up to there."""
    digest = hashlib.sha256()
    file.seek(0)
    while size and (block := file.read(min(size, BLOCK_BYTES))):
        digest.update(block)
        size -= len(block)
    return digest.digest()


def load_json(path: Path) -> Any | None:
    """The values that `save_json` kept; None if they are not there or damaged."""
    try:
        content = path.read_bytes()
        values, digest = content[:-HASH_BYTES], content[-HASH_BYTES:]
        if hashlib.sha256(values).digest() != digest:
            return None
        loaded = json.loads(values)
    except (OSError, ValueError, RecursionError):
        return None
    mark_used(path)
    return loaded


def save_json(home: Path, path: Path, values: Any) -> None:
    """Keep JSON values as an entry, if there is room for them."""
    data = json.dumps(values).encode()
    with suppress(CacheFullError), add_entry(home, path, len(data)) as file:
        file.write(data)


def mark_used(path: Path) -> None:
    """Set the time of an entry's last use to now."""
    now = time.time_ns()  # finer than the clock that the system would use
    with suppress(OSError):  # removed just now, or a read-only disk
        os.utime(path, ns=(now, path.stat().st_mtime_ns))


@contextmanager
def add_entry(home: Path, path: Path, size: int) -> Iterator[BinaryIO]:
    """Make room for a new entry, open its file, and keep the entry if the block succeeds.

    Args:
        home: The data folder.
        path: Of the entry, in one of CACHE_FOLDERS.
        size: Bytes of the entry without its hash. They are allocated before the block begins, so
            that writing them, also through a memory map, cannot meet a full disk.

    Yields:
        The file, with room for the entry and its hash, open for reading and writing.

    Raises:
        CacheFullError: Before the block begins.
    """
    handle, part = _begin_entry(home, path, size + HASH_BYTES)
    try:
        with os.fdopen(handle, "rb+") as file:
            yield file
            _publish(home, file, size, part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def remove_abandoned_entries(home: Path) -> None:
    """Remove the unfinished entries of processes that were killed."""
    for entry in _iter_entries(home):
        if entry.path.suffix == UNFINISHED_SUFFIX and entry.is_removable:
            with suppress(OSError):  # open in some process, on Windows
                entry.path.unlink(missing_ok=True)


def _begin_entry(home: Path, path: Path, size: int) -> tuple[int, Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock_caches(home):  # until the room is allocated
            _make_room(home, size)
            return _allocate_file(path.parent, size)
    except OSError as error:
        _LOG.warning("%s is not cached: %s", path, error)
        raise CacheFullError(*error.args) from error


def _publish(home: Path, file: BinaryIO, size: int, part: Path, path: Path) -> None:
    try:
        file.flush()
        digest = _hash_start(file, size)
        file.seek(size)
        file.write(digest)
        file.flush()
        os.fsync(file.fileno())
        with _lock_caches(home):  # while the file is without its own lock
            file.close()
            mark_used(part)
            part.replace(path)
    except OSError as error:
        _LOG.warning("%s is not cached: %s", path, error)


def _lock_caches(home: Path) -> FileLock:
    return FileLock(home / "caches.lock", timeout=LOCK_TIMEOUT_SECONDS)


def _make_room(home: Path, size: int) -> None:
    """Remove the entries used longest ago, until `size` more bytes are within the limit.

    Folders stay: another thread may be about to write there.
    """
    entries = sorted(_iter_entries(home))
    total = sum(entry.size for entry in entries)
    max_bytes = _compute_limit(home, total) - size
    removable = [entry for entry in entries if entry.is_removable]
    if total - sum(entry.size for entry in removable) > max_bytes:
        raise OSError(errno.ENOSPC, f"{size:,} bytes are more than {SETTING} or the disk allows")
    for entry in removable:
        if total > max_bytes or entry.path.suffix == UNFINISHED_SUFFIX:
            with suppress(OSError):  # open in some process, on Windows
                entry.path.unlink(missing_ok=True)
                total -= entry.size


def _allocate_file(folder: Path, size: int) -> tuple[int, Path]:
    """Create an open, locked file of a new name; two may be written for one entry at once."""
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
        for folder, __, names in os.walk(home / cache):
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):  # removed just now
                    status = path.stat()
                    yield _Entry(status.st_atime_ns, path, status.st_size)


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
        _("{setting} is not a size.", setting=SETTING),
        found=repr(setting[:40]),
        remedy=_("Set it to gigabytes, such as 20, or take it away."),
    )
