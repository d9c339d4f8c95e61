"""Cache a run's event log in memory, for everyone who watches it."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any

from transfer_core.runs.store.events import EventLog
from transfer_core.runs.store.store import RunStore


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was computed from the first events of a log."""

    count: int  # of the events
    time: float  # seconds of the monotonic clock
    value: Any


class RunLog:
    """The events of one run, fetched from the store once each.

    Args:
        store: The run store.
        run_id: The run.
    """

    def __init__(self, store: RunStore, run_id: str) -> None:
        self._store, self._run_id = store, run_id
        self._reading, self._computing = threading.Lock(), threading.Lock()
        self._events = EventLog()
        self._read = -inf  # seconds of the monotonic clock
        self._kept: dict[Hashable, _Kept] = {}

    def events(self, max_age: float = 0.0) -> EventLog:
        """Return everything reported so far, oldest first; RunError if no run has this id.

        Args:
            max_age: Seconds for which what another reader was told will do.
        """
        with self._reading:
            if not monotonic() - self._read < max_age:
                after = self._events[-1].sequence if self._events else 0
                if news := self._store.events(self._run_id, after):
                    self._events = self._events.extend(news)
                self._read = monotonic()
            return self._events

    def compute_once(
        self,
        key: Hashable,
        compute: Callable[[EventLog], Any],
        events: EventLog,
        max_age: float = 0.0,
    ) -> Any:
        """Compute something from the events once for many readers, anew when there are more.

        Args:
            key: Names what is computed, with everything else that it depends on.
            compute: Computes it.
            events: From `events`.
            max_age: Seconds for which the value of fewer events will do.
        """
        with self._computing:
            kept = self._kept.get(key)
            is_old = kept is None or kept.count < len(events)
            if is_old and not (kept and monotonic() - kept.time < max_age):
                kept = self._kept[key] = _Kept(len(events), monotonic(), compute(events))
            return kept.value
