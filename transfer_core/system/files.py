"""Write a file as a whole or not at all, and tell files apart by their content."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

UNFINISHED_SUFFIX = ".part"  # ending of a file that is still being written
TEMPORARY_PREFIX = "transfer-lab-"  # of what lies in the system's folder for temporary files
SEAL = "sha256"  # key of the hash of all other values


def write_atomically(
    path: Path,
    content: bytes | str | Callable[[BinaryIO], object],
    reserve: Path | None = None,
) -> None:
    """Replace a file so that every reader, and a power cut, meets the old or the new content.

    Several threads or processes may write the same file at once; the last one wins.

    Args:
        path: The file. Its folder must exist.
        content: Bytes, text (stored as UTF-8), or a function that writes to the open file.
            A function that needs a path can take the file's `name`. If it raises, the old
            file stays and nothing is left behind.
        reserve: A file beside it whose space is already taken, which becomes the new file. Then a
            function may not use the `name`.
    """
    part = reserve or path.with_name(f"{path.name}.{secrets.token_hex(4)}{UNFINISHED_SUFFIX}")
    try:
        with part.open("r+b" if reserve else "xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            if reserve:
                file.truncate()
        flush_to_disk(part)
        part.replace(path)
        flush_to_disk(path.parent)
    finally:
        part.unlink(missing_ok=True)


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, would survive a power cut."""
    if path.is_dir() and os.name == "nt":
        return  # Windows keeps directory entries by itself and cannot open a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def hash_file(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_unchanged_file(path: Path) -> str:
    """SHA-256 of a file, computed once per process as long as its size and time stay the same."""
    status = path.stat()
    return _hash_version(path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hash_version(path: Path, *_version: int) -> str:
    return hash_file(path)


def seal(values: dict[str, Any]) -> dict[str, Any]:
    """JSON values with a hash of themselves, by which a reader notices damage."""
    return values | {SEAL: _hash_values(values)}


def check_seal(values: dict[str, Any]) -> dict[str, Any]:
    """Sealed values without their seal; those of an older version, which have none, as they are.

    Raises:
        ValueError: If the values are not those that were sealed.
    """
    unsealed = {key: value for key, value in values.items() if key != SEAL}
    if SEAL in values and values[SEAL] != _hash_values(unsealed):
        raise ValueError("the values do not match their seal")
    return unsealed


def _hash_values(values: dict[str, Any]) -> str:
    return hash_bytes(json.dumps(values, sort_keys=True).encode())


def hash_bytes(data: bytes) -> str:
    """SHA-256 of bytes as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
