"""`events.jsonl`: what a loop reported, one numbered line each, across restarts."""

import json
import os
import time
from pathlib import Path
from typing import Any

from transfer_core.runs.store.rows import replace_non_finite

SYNC_INTERVAL = 1.0  # seconds at most that a power cut may take away


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

    def append(self, kind: str, values: dict[str, Any]) -> None:
        """Add one line and hand it to the operating system at once."""
        self._sequence += 1
        line = {"sequence": self._sequence, "time": time.time(), "kind": kind}
        self._file.write(json.dumps(line | {"values": replace_non_finite(values)}) + "\n")
        self._file.flush()
        if time.monotonic() - self._last_sync >= SYNC_INTERVAL:
            self._sync()

    def close(self) -> None:
        """Bring everything to the disk."""
        try:
            self._sync()
        finally:
            self._file.close()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._last_sync = time.monotonic()
