"""Writes a run's events to the store in a thread, many in one transaction."""

import threading
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from transfer_core.runs.store.records import ReportedEvent
from transfer_core.runs.store.store import RunStore

BATCH_DELAY = 0.05  # seconds that the first event of a transaction waits for others
MAX_PENDING_EVENTS = 2_000  # events in memory; beyond this the loop waits for the disk
RETRY_INTERVAL = 0.5  # seconds until events that the disk refused are written again
PATIENCE = 3.0  # seconds that the disk may refuse them before the run has to end


class EventWriter:
    """A thread that writes events, so that the training never waits for the disk.

    Use it as a context manager; leaving it writes the remaining events. Events that the disk
    refuses stay in memory and are tried again. Any other failure ends the thread. The next call
    raises it, and so does leaving with events that could not be written.

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
        self._refusal: SQLAlchemyError | None = None  # of the disk, while it lasts
        self._refused_since = 0.0  # seconds of the monotonic clock
        self._thread = threading.Thread(target=self._write, name=f"journal-{run_id}", daemon=True)

    def find_lasting_refusal(self) -> SQLAlchemyError | None:
        """Return the error of a disk that has refused the events for longer than a moment."""
        with self._changed:
            lasts = self._refusal and monotonic() - self._refused_since >= PATIENCE
            return self._refusal if lasts else None

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
            self._changed.wait_for(
                lambda: len(self._pending) < MAX_PENDING_EVENTS or self._error or self._refusal
            )
            self._raise_error()
            self._pending.append(event)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until every queued event is written, unless the disk refuses them."""
        with self._changed:
            self._flushing = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._error or self._refusal or not (self._pending or self._writing)
            )
            self._flushing = False
            self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        while (events := self._take_batch()) is not None:
            try:
                self._store.append(self._run_id, events, engine=self._engine)
            except SQLAlchemyError as error:
                if not self._put_back(events, error):
                    return
            except Exception as error:  # delivered to the thread that trains
                self._finish_batch(error)
                return
            else:
                self._finish_batch(None)

    def _put_back(self, events: list[ReportedEvent], refusal: SQLAlchemyError) -> bool:
        """Keep refused events for another try; return whether there will be one."""
        with self._changed:
            now = monotonic()
            self._refused_since = self._refused_since if self._refusal else now
            self._pending, self._refusal = events + self._pending, refusal
            self._writing = False
            if self._closed and now - self._refused_since >= PATIENCE:
                self._error = refusal
            self._changed.notify_all()
            if self._error is None:
                self._changed.wait(RETRY_INTERVAL)
            return self._error is None

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
            self._error, self._refusal, self._writing = error, None, False
            self._changed.notify_all()
