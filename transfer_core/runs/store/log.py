"""Cache a run's event log in memory, for everyone who watches it."""

import threading
from collections.abc import Callable
from typing import Any

from transfer_core.runs.store.records import RunEvent
from transfer_core.runs.store.store import RunStore


class RunLog:
    """The events of one run, fetched from the store once each.

    Args:
        store: The run store.
        run_id: The run.
    """

    def __init__(self, store: RunStore, run_id: str) -> None:
        self._store, self._run_id, self._lock = store, run_id, threading.Lock()
        self._events: tuple[RunEvent, ...] = ()
        self._cache: dict[Callable, tuple[int, Any]] = {}

    def events(self) -> tuple[RunEvent, ...]:
        """Return everything reported so far, oldest first; RunError if no run has this id."""
        with self._lock:
            after = self._events[-1].sequence if self._events else 0
            self._events += self._store.events(self._run_id, after)
            return self._events

    def compute_once(
        self, function: Callable[[tuple[RunEvent, ...]], Any], events: tuple[RunEvent, ...]
    ) -> Any:
        """Cache the result of a pure function of the events, so that many readers compute it once.

        Args:
            function: Computes something from the events.
            events: From `events`.
        """
        with self._lock:
            count, value = self._cache.get(function, (-1, None))
            if count != len(events):
                value = function(events)
                self._cache[function] = (len(events), value)
            return value
