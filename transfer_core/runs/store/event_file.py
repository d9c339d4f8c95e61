"""`events.jsonl`: the events that a run reported, one numbered line each, across restarts."""

import json
import logging
import os
import time
from contextlib import closing
from pathlib import Path

from transfer_core.runs.store.events import UNREADABLE, decode_event, encode_event
from transfer_core.runs.store.records import LoggedEvent

SYNC_INTERVAL = 1.0  # seconds; a power cut loses at most the events of this time

_LOG = logging.getLogger(__name__)


class EventFile:
    """Appends lines; a line that a crash tore off is dropped when the file is opened."""

    def __init__(self, path: Path) -> None:
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        if lines and not lines[-1].endswith(b"\n"):
            os.truncate(path, sum(map(len, lines[:-1])))
            lines.pop()
        self._sequence = len(lines)
        self._file = path.open("a", encoding="ascii")
        self._last_sync = time.monotonic()

    def append(self, event: LoggedEvent) -> None:
        """Add one line and hand it to the operating system at once."""
        self._sequence += 1
        kind, values = encode_event(event)
        line = {"sequence": self._sequence, "time": time.time(), "kind": kind, "values": values}
        self._file.write(json.dumps(line) + "\n")
        try:
            self._file.flush()
            if time.monotonic() - self._last_sync >= SYNC_INTERVAL:
                self._sync()
        except OSError as error:  # the lines stay in memory; the store is asked to keep them too
            _LOG.warning("the events of a run are not in its folder yet: %s", error)

    def close(self) -> None:
        """Write everything to the disk and close the file, as far as the disk allows it."""
        try:
            with closing(self._file):
                self._file.flush()
                self._sync()
        except OSError as error:
            _LOG.warning("the last events of a run are not in its folder: %s", error)

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._last_sync = time.monotonic()


class EventTail:
    """Reads the lines of a file that another process, maybe of another computer, appends to.

    Args:
        path: The file; it need not exist yet.
        start: Bytes at its beginning that are left out; whole lines.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        self._path, self._offset = path, start

    def read(self) -> list[LoggedEvent]:
        """Return the events of the lines that have become whole since the last time.

        Damaged lines and events of another version are left out.
        """
        try:
            with self._path.open("rb") as file:  # opened anew: a shared folder then looks again
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        events = [self._decode(line) for line in whole.split(b"\n")[:-1]]
        return [event for event in events if event is not None]

    def _decode(self, line: bytes) -> LoggedEvent | None:
        try:
            entry = json.loads(line)
            return decode_event(entry["kind"], entry["values"])
        except UNREADABLE as error:
            _LOG.warning("a line of %s is damaged and left out: %s", self._path, error)
            return None


def read_event_file(path: Path) -> list[LoggedEvent]:
    """Return the events of the whole lines, oldest first; see `EventTail`."""
    return EventTail(path).read()
