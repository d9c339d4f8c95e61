"""Locks that show which engines are alive; the operating system frees the lock of a dead one."""

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from transfer_core.runs.store.records import generate_id


class EngineLock:
    """Shows every process on this machine whether an engine is alive, also after kill -9.

    Args:
        home: The data folder.
    """

    def __init__(self, home: Path) -> None:
        self.id = generate_id()
        self._lock = _make_lock(home, self.id)
        self._lock.acquire()

    def release(self) -> None:
        """Show that the engine has ended."""
        self._lock.release()


def is_alive(home: Path, engine: str) -> bool:
    """Return whether the process of an engine is alive."""
    lock = _make_lock(home, engine)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def remove_lock_file(home: Path, engine: str) -> None:
    """Remove the lock file of a dead engine."""
    with suppress(OSError):  # on Windows another process may have it open; harmless
        _get_lock_path(home, engine).unlink()


def _make_lock(home: Path, engine: str) -> FileLock:
    path = _get_lock_path(home, engine)
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, thread_local=False)


def _get_lock_path(home: Path, engine: str) -> Path:
    return home / "engines" / f"{engine}.lock"
