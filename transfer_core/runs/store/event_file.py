"""`events.jsonl`: the events that a run reported, one numbered line each, across restarts."""

import json
import os
import time
from pathlib import Path

from transfer_core.runs.store.events import decode_event, encode_event
from transfer_core.runs.store.records import LoggedEvent

SYNC_INTERVAL = 1.0  # seconds; a power cut loses at most the events of this time


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
        self._file.flush()
        if time.monotonic() - self._last_sync >= SYNC_INTERVAL:
            self._sync()

    def close(self) -> None:
        """Write everything to the disk and close the file."""
        try:
            self._sync()
        finally:
            self._file.close()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._last_sync = time.monotonic()


def read_event_file(path: Path) -> list[LoggedEvent | None]:
    """Return the event of each whole line, oldest first; None for an event of another version.

    A missing file has no lines.
    """
    lines = path.read_text("ascii").splitlines(keepends=True) if path.exists() else []
    entries = [json.loads(line) for line in lines if line.endswith("\n")]
    return [decode_event(entry["kind"], entry["values"]) for entry in entries]
