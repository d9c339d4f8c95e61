"""Which engine is alive: each holds a lock that the operating system frees when it dies."""

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from transfer_core.runs.store.records import generate_id


class EngineLock:
    """Says that an engine lives, to every process on this machine, even after kill -9.

    Args:
        home: The data folder.
    """

    def __init__(self, home: Path) -> None:
        self.id = generate_id()
        self._lock = _make_lock(home, self.id)
        self._lock.acquire()

    def release(self) -> None:
        """Say that the engine is gone."""
        self._lock.release()


def is_alive(home: Path, engine: str) -> bool:
    """Whether the process of an engine still lives."""
    lock = _make_lock(home, engine)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def remove_lock_file(home: Path, engine: str) -> None:
    """Remove what a dead engine left."""
    with suppress(OSError):  # on Windows another process may be looking at it; harmless
        _get_lock_path(home, engine).unlink()


def _make_lock(home: Path, engine: str) -> FileLock:
    path = _get_lock_path(home, engine)
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, thread_local=False)


def _get_lock_path(home: Path, engine: str) -> Path:
    return home / "engines" / f"{engine}.lock"
