"""Large files from a browser to the disk, never through memory.

Streamlit's uploader holds files in memory, several times over. Here a page first asks for a
ticket, which says how large the file will be; the browser then sends it to an address of the
server's own, which writes it to the disk a block at a time. Only who has the ticket can send.
"""

import functools
import os
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from transfer_core.dataset import Limits
from transfer_core.errors import UploadError
from transfer_core.languages import _
from transfer_core.system import get_home

SETTING = "TRANSFER_UPLOAD_MB"  # environment variable: most megabytes of one file
TICKET_SECONDS = 60.0  # to begin sending; also the longest silence, and to be taken by a page
RESERVE_BYTES = 1024**3  # of the disk, left for everything else
MEGABYTE = 1024**2


@dataclass(slots=True)
class Upload:
    """A file that is on its way or has arrived; only `Uploads` changes it."""

    session: str  # Streamlit's id of the session that may use it
    slot: str  # which uploader of the session
    name: str  # as the browser says; never part of a path
    size: int  # bytes, as announced
    path: Path
    state: str = "expected"  # then "arriving", "arrived", "taken"; "dropped" ends it at any time
    touched: float = field(default_factory=time.monotonic)


class Uploads:
    """All uploads of this server process; at most one of each session at a time.

    Args:
        root: The folder for the folders of all processes; a process that died leaves its own
            behind, which the next one removes.
    """

    def __init__(self, root: Path) -> None:
        self._lock = threading.Lock()
        self._uploads: dict[str, Upload] = {}  # by ticket
        root.mkdir(parents=True, exist_ok=True)
        remove_dead_folders(root)
        self._folder = root / secrets.token_hex(8)
        self._folder.mkdir(mode=0o700)
        self._alive = FileLock(self._folder / "alive", thread_local=False)
        self._alive.acquire()

    def expect(self, session: str, slot: str, name: str, size: int) -> str:
        """Return a ticket for a file; an earlier upload of the session is dropped.

        Raises:
            UploadError: If the file is too large, or the disk too full.
        """
        limit = get_max_bytes()
        if not 0 < size <= limit:
            raise UploadError(
                _("The file is empty.") if size <= 0 else _("The file is too large."),
                found=_("{size:,.0f} MB", size=size / MEGABYTE),
                remedy=_("At most {size:,.0f} MB are accepted.", size=limit / MEGABYTE),
            )
        with self._lock:
            for ticket, upload in list(self._uploads.items()):
                if upload.session == session:
                    self._drop(ticket)
            # What others announced is spoken for, whether it has come or not.
            promised = sum(each.size - _measure(each.path) for each in self._uploads.values())
            free = shutil.disk_usage(self._folder).free - promised - RESERVE_BYTES
            if size > free:
                raise UploadError(
                    _("The server's disk has no room for this file."),
                    found=_("{size:,.0f} MB free", size=max(0, free) / MEGABYTE),
                    remedy=_("Try again later, or use fewer images."),
                )
            ticket = secrets.token_urlsafe(32)
            path = self._folder / secrets.token_hex(16)
            self._uploads[ticket] = Upload(session, slot, name, size, path)
            return ticket

    def begin(self, ticket: str) -> Upload | None:
        """The upload that a ticket allows to begin now; a ticket is good for one beginning."""
        with self._lock:
            upload = self._uploads.get(ticket)
            if upload is None or upload.state != "expected":
                return None
            upload.state, upload.touched = "arriving", time.monotonic()
            return upload

    def end(self, ticket: str, *, complete: bool) -> None:
        """Note that a file has arrived, or remove what came of it."""
        with self._lock:
            upload = self._uploads.get(ticket)
            if upload and complete:
                upload.state, upload.touched = "arrived", time.monotonic()
            elif upload:
                self._drop(ticket)

    def take(self, session: str, slot: str) -> Upload | None:
        """The file that has arrived for an uploader; it stays until it is dropped."""
        with self._lock:
            for upload in self._uploads.values():
                if (upload.session, upload.slot) == (session, slot):
                    if upload.state == "arrived":
                        upload.state = "taken"
                    return upload if upload.state == "taken" else None
        return None

    def drop(self, session: str, slot: str) -> None:
        """Remove what an uploader has brought."""
        with self._lock:
            for ticket, upload in list(self._uploads.items()):
                if (upload.session, upload.slot) == (session, slot):
                    self._drop(ticket)

    def list_sessions(self) -> set[str]:
        """The sessions that have an upload."""
        with self._lock:
            return {upload.session for upload in self._uploads.values()}

    def sweep(self, ended: set[str]) -> None:
        """Remove what belongs to ended sessions, and what nobody sends or takes any more."""
        now = time.monotonic()
        with self._lock:
            for ticket, upload in list(self._uploads.items()):
                is_waiting = upload.state in ("expected", "arrived")
                is_late = is_waiting and now - upload.touched > TICKET_SECONDS
                if upload.session in ended or is_late:
                    self._drop(ticket)

    def close(self) -> None:
        """Remove everything."""
        self._alive.release()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _drop(self, ticket: str) -> None:
        upload = self._uploads.pop(ticket)
        upload.state = "dropped"
        upload.path.unlink(missing_ok=True)


def get_max_bytes() -> int:
    """Most bytes of one file."""
    setting = os.environ.get(SETTING, "")
    wanted = int(setting) * MEGABYTE if setting.isdecimal() else Limits().archive_bytes
    return min(wanted, Limits().archive_bytes)


def remove_dead_folders(root: Path) -> None:
    """Remove the folders of processes that ended without doing so."""
    for folder in root.iterdir():
        lock = FileLock(folder / "alive")
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError):  # alive, or no folder
            continue
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _measure(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@functools.cache
def _make_uploads(home: Path) -> Uploads:
    return Uploads(home / "uploads")


def get_uploads() -> Uploads:
    """The uploads of this process into the data folder."""
    return _make_uploads(get_home())


def close_uploads() -> None:
    """Remove the uploads of this process."""
    get_uploads().close()
    _make_uploads.cache_clear()
