"""One copy in memory of a run's event log, shared by everyone who watches it."""

import threading
from collections.abc import Callable
from typing import Any

from transfer_core.runs.engine.reader import RunReader
from transfer_core.runs.store.records import RunEvent


class RunLog:
    """The events of one run, fetched from the store once each.

    Args:
        reader: Reads the run store.
        run_id: The run.
    """

    def __init__(self, reader: RunReader, run_id: str) -> None:
        self._reader, self._run_id, self._lock = reader, run_id, threading.Lock()
        self._events: tuple[RunEvent, ...] = ()
        self._cache: dict[Callable, tuple[int, Any]] = {}

    def events(self) -> tuple[RunEvent, ...]:
        """Everything reported so far, oldest first; RunError if there is no such run."""
        with self._lock:
            after = self._events[-1].sequence if self._events else 0
            self._events += self._reader.events(self._run_id, after)
            return self._events

    def compute_once(
        self, function: Callable[[tuple[RunEvent, ...]], Any], events: tuple[RunEvent, ...]
    ) -> Any:
        """What a pure function makes of what `events` told, computed once however many ask."""
        with self._lock:
            count, value = self._cache.get(function, (-1, None))
            if count != len(events):
                value = function(events)
                self._cache[function] = (len(events), value)
            return value
