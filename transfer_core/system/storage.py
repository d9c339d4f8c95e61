"""The disk as a person meets it: whether something still fits, and what its errors mean."""

import errno
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transfer_core.errors import StorageError, TransferError
from transfer_core.languages import N_, _
from transfer_core.system.home import locate_home

MARGIN_BYTES = 16 * 2**20  # beside what is asked for: the database, logs, others who write
LEAST_BYTES = 2**20  # with less, SQLite may not even read
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_OS_ERROR_NUMBER = re.compile(r"\(os error (\d+)\)")  # as Rust, and so safetensors, writes it
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")  # as NumPy tells of a full disk

_PROBLEMS = {
    "full": (
        N_("The disk is full; what was stored before is still there."),
        N_("Make space on it, or choose another disk with TRANSFER_HOME. Then do it again."),
    ),
    "read-only": (
        N_("The disk or folder cannot be written."),
        N_("Allow writing there, or choose another folder. Then do it again."),
    ),
    "damaged": (
        N_("The database of the runs is damaged."),
        N_("Move runs.db away or put a copy back in its place, then start again."),
    ),
    "busy": (
        N_("The database of the runs is in use by another program for too long."),
        N_("End the other program, or wait, then do it again."),
    ),
    "unusable": (
        N_("A file or folder cannot be used."),
        N_("Check that it is there, and that you may read and write it. Then do it again."),
    ),
}


def require_space(folder: Path, size: int, what: str) -> None:
    """Refuse work whose files would not fit on the disk, before it begins.

    Args:
        folder: Where the files will lie; it exists.
        size: Bytes that they will take at most.
        what: The work, for people, such as "this run".

    Raises:
        StorageError: If there is too little space.
    """
    free, needed = shutil.disk_usage(folder).free, size + MARGIN_BYTES
    if free < needed:
        raise StorageError(
            _("There is not enough space on the disk for {what}.", what=_(what)),
            found=_(
                "{free:,} MB free, {needed:,} MB needed",
                free=free >> 20,
                needed=-(-needed >> 20),
            ),
            remedy=_(_PROBLEMS["full"][1]),
        )


def require_known_version(file: Path, version: int, known: int, error: type[TransferError]) -> None:
    """Refuse a database that a newer version of this program has changed.

    Args:
        file: The database.
        version: Of its tables.
        known: The newest that this program knows.
        error: What is raised.
    """
    if version > known:
        raise error(
            _("The data folder was used by a newer version of Transfer Lab."),
            found=_(
                "{file} of version {version}; this program knows version {known}",
                file=file.name,
                version=version,
                known=known,
            ),
            remedy=_("Install the newer version, or set TRANSFER_HOME to another folder."),
        )


@contextmanager
def translate_disk_errors() -> Iterator[None]:
    """Raise a StorageError, which a person can mend, in place of an error of the disk."""
    try:
        yield
    except Exception as error:
        explained = explain_disk_error(error)
        if explained is None:
            raise
        raise explained from error


def explain_disk_error(error: BaseException) -> StorageError | None:
    """Say what an error of the operating system, of SQLite or of safetensors means to a person.

    Returns:
        None if the error is of another kind.
    """
    cause = getattr(error, "orig", None) or error  # SQLAlchemy wraps SQLite's own error
    if isinstance(cause, TransferError | BrokenPipeError):  # said already; nobody reads on
        return None
    if isinstance(cause, sqlite3.Error):
        kind, found = _classify_sqlite_error(cause), f"runs.db: {cause}"
    elif isinstance(cause, OSError):
        kind, found = _classify_number(cause.errno, str(cause)), _describe_os_error(cause)
    elif number := _OS_ERROR_NUMBER.search(str(cause)):
        kind, found = _classify_number(int(number[1]), ""), str(cause)
    else:
        return None
    problem, remedy = _PROBLEMS[kind]
    return StorageError(_(problem), found=found[:300], remedy=_(remedy))


def _classify_number(number: int | None, text: str) -> str:
    if number in _FULL or _SHORT_WRITE.search(text):
        return "full"
    return "read-only" if number in _READ_ONLY else "unusable"


def _classify_sqlite_error(error: sqlite3.Error) -> str:
    # The lowest byte is the kind of an extended code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF
    return {
        sqlite3.SQLITE_FULL: "full",
        sqlite3.SQLITE_READONLY: "read-only",
        sqlite3.SQLITE_CORRUPT: "damaged",
        sqlite3.SQLITE_NOTADB: "damaged",
        sqlite3.SQLITE_BUSY: "busy",
        sqlite3.SQLITE_LOCKED: "busy",
    }.get(code, "full" if "disk is full" in str(error) or _is_home_full() else "unusable")


def _is_home_full() -> bool:
    """Whether SQLite's "disk I/O error" comes of a disk that has no room for its memory file."""
    try:
        return shutil.disk_usage(locate_home()).free < LEAST_BYTES
    except OSError:  # it is gone
        return False


def _describe_os_error(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason
