"""Writes a run's events to the store in a thread, many in one transaction."""

import threading

from transfer_core.runs.store.records import ReportedEvent
from transfer_core.runs.store.store import RunStore

BATCH_DELAY = 0.05  # seconds that the first event of a transaction waits for others
MAX_PENDING_EVENTS = 2_000  # events in memory; beyond this the loop waits for the disk


class EventWriter:
    """A thread that writes events, so that the training never waits for the disk.

    Use it as a context manager; leaving it writes the remaining events. A failed write
    ends the thread, and the next call raises the error.

    Args:
        store: The run store.
        run_id: The run's log.
        engine: The engine that has the run.
    """

    def __init__(self, store: RunStore, run_id: str, engine: str) -> None:
        self._store, self._run_id, self._engine = store, run_id, engine
        self._changed = threading.Condition()
        self._pending: list[ReportedEvent] = []
        self._writing = self._flushing = self._closed = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._write, name=f"journal-{run_id}", daemon=True)

    def __enter__(self) -> "EventWriter":
        self._thread.start()
        return self

    def __exit__(self, kind, error, _traceback) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def put(self, event: ReportedEvent) -> None:
        """Queue an event for writing."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._pending) < MAX_PENDING_EVENTS or self._error)
            self._raise_error()
            self._pending.append(event)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until every queued event is written."""
        with self._changed:
            self._flushing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._error or not (self._pending or self._writing))
            self._flushing = False
            self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        while (events := self._take_batch()) is not None:
            try:
                self._store.append(self._run_id, events, engine=self._engine)
            except Exception as error:  # delivered to the thread that trains
                self._finish_batch(error)
                return
            self._finish_batch(None)

    def _take_batch(self) -> list[ReportedEvent] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closed)
            if not self._pending:
                return None
            self._changed.wait_for(lambda: self._closed or self._flushing, timeout=BATCH_DELAY)
            events, self._pending, self._writing = self._pending, [], True
            return events

    def _finish_batch(self, error: Exception | None) -> None:
        with self._changed:
            self._error, self._writing = error, False
            self._changed.notify_all()
