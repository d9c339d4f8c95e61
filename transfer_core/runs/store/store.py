"""The run store: records and event logs in SQLite, safe for many readers at any time."""

import json
import time
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from transfer_core.runs.store.config_json import to_json
from transfer_core.runs.store.events import encode_values, name_kind, parse_event
from transfer_core.runs.store.expectation import Expectation
from transfer_core.runs.store.records import (
    FINAL_STATES,
    Failed,
    LoggedEvent,
    RunEvent,
    RunRecord,
    RunState,
    StateChanged,
    UnreadableRun,
    generate_id,
    make_unknown_run_error,
    require_usable,
    validate_run_id,
)
from transfer_core.runs.store.rows import (
    RECORD_COLUMNS,
    add_events,
    check_exists,
    check_writable,
    clean_label,
    insert_run,
    to_record,
)
from transfer_core.runs.store.schema import EVENTS, RUNS, open_database
from transfer_core.training import RunConfig, TestResult


class RunStore:
    """Every run under one data folder.

    Any number of threads and processes on this machine may read and write.

    Args:
        home: The data folder; the database is `runs.db` in it.

    Raises:
        RunError: If the database is newer than this program, or unreadable.
    """

    def __init__(self, home: Path) -> None:
        self._database = open_database(home / "runs.db")
        self._write_database = self._database.execution_options(writes=True)

    def connect(self) -> AbstractContextManager[sa.Connection]:
        """Return a connection for reading; it never waits for a writer."""
        return self._database.connect()

    def begin_write(self) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction that holds the write lock from its start."""
        return self._write_database.begin()

    def create(
        self,
        config: RunConfig,
        name: str | None = None,
        owner: str = "",
        *,
        idempotency_key: str | None = None,
        engine: str | None = None,
        resumable: bool = True,
        expectation: Expectation | None = None,
    ) -> RunRecord:
        """Queue a run.

        Args:
            config: What to run; every setting is checked.
            name: For people; None names it after what is trained.
            owner: Owners share the queue in turns.
            idempotency_key: Chosen by the caller; the same owner and key make one run only.
            engine: The engine that shall run it; None leaves it to any that resumes runs.
            resumable: Whether another engine may continue it after this one has died.
            expectation: What was told of its result before; None if nothing was.

        Raises:
            SettingsError: If a setting is not allowed.
        """
        row = {
            "id": generate_id(),
            "name": clean_label(name) or config.strategy.title,
            "owner": clean_label(owner),
            "key": idempotency_key,
            "config": to_json(config),
            "state": RunState.queued,
            "created": time.time(),
            "engine": engine,
            "resumable": resumable,
            "expectation": expectation and json.dumps(encode_values(expectation)),
        }
        return self.insert(row, StateChanged(RunState.queued, "Waiting for its turn."))

    def insert(self, row: dict[str, Any], event: StateChanged) -> RunRecord:
        """Add a run and its first event; see `insert_run`."""
        with self.begin_write() as connection:
            run_id = insert_run(connection, row, event)
        return self.get(run_id)

    def get(self, run_id: str) -> RunRecord:
        """Return one run.

        Raises:
            RunError: If no run has this id, or it was deleted or cannot be read.
        """
        return require_usable(self.read(run_id))

    def read(self, run_id: str) -> RunRecord | UnreadableRun:
        """Return one run, also if it was deleted or cannot be read.

        Raises:
            RunError: If no run has this id.
        """
        wanted = sa.select(*RECORD_COLUMNS).where(RUNS.c.id == validate_run_id(run_id))
        with self.connect() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            raise make_unknown_run_error(run_id)
        return to_record(row)

    def list(
        self,
        *,
        states: Collection[RunState] | None = None,
        deleted: bool = False,
        owner: str | None = None,
    ) -> tuple[RunRecord, ...]:
        """Return the readable runs, newest first; arguments as for `list_all`."""
        records = self.list_all(states=states, deleted=deleted, owner=owner)
        return tuple(record for record in records if isinstance(record, RunRecord))

    def list_all(
        self,
        *,
        states: Collection[RunState] | None = None,
        deleted: bool = False,
        owner: str | None = None,
    ) -> tuple[RunRecord | UnreadableRun, ...]:
        """Return every run, newest first.

        Args:
            states: Only runs in these states; None is any state.
            deleted: The deleted runs instead of the others.
            owner: Only runs of this owner; None is any.
        """
        wanted = sa.select(*RECORD_COLUMNS).order_by(RUNS.c.number.desc())
        if owner is not None:
            wanted = wanted.where(RUNS.c.owner == owner)
        wanted = wanted.where((RUNS.c.deleted.is_not(None)) == deleted)
        if states is not None:
            wanted = wanted.where(RUNS.c.state.in_(states))
        with self.connect() as connection:
            return tuple(to_record(row) for row in connection.execute(wanted))

    def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        """Return the log of a run behind a sequence number, oldest first.

        Events of a kind that this program does not know are left out.

        Raises:
            RunError: If no run has this id.
        """
        columns = (EVENTS.c.sequence, EVENTS.c.time, EVENTS.c.kind, EVENTS.c["values"])
        newer = (
            sa.select(*columns)
            .where(EVENTS.c.run == validate_run_id(run_id), EVENTS.c.sequence > after)
            .order_by(EVENTS.c.sequence)
        )
        with self.connect() as connection:
            rows = connection.execute(newer).all()
            if not rows:
                check_exists(connection, run_id)  # no news of a run, or no such run?
        decoded = ((row, parse_event(row.kind, row[3])) for row in rows)
        return tuple(RunEvent(row.sequence, row.time, event) for row, event in decoded if event)

    def latest(self, run_id: str, *event_types: type) -> dict[type, LoggedEvent]:
        """Return the newest event of each type, of those that a run has reported."""
        wanted = sa.select(EVENTS.c["values"]).where(EVENTS.c.run == run_id)
        newest = wanted.order_by(EVENTS.c.sequence.desc()).limit(1)
        found = {}
        with self.connect() as connection:
            for each in event_types:
                kind = name_kind(each)
                text = connection.execute(newest.where(EVENTS.c.kind == kind)).scalar()
                if text and (event := parse_event(kind, text)):
                    found[each] = event
        return found

    def append(
        self, run_id: str, events: Iterable[LoggedEvent], *, engine: str | None = None
    ) -> None:
        """Add events to a run's log, all or none.

        Args:
            run_id: The run.
            events: Oldest first.
            engine: The engine that writes; None skips the check that the run is its own.

        Raises:
            RunError: If the run is unknown, over, or has passed to another engine.
        """
        with self.begin_write() as connection:
            check_writable(connection, validate_run_id(run_id), engine)
            add_events(connection, run_id, events)

    def set_state(
        self,
        run_id: str,
        state: RunState,
        message: str = "",
        *,
        expected_states: Collection[RunState] | None = None,
        expected_engine: str | None = None,
        result: TestResult | None = None,
        error: Failed | None = None,
        **fields: Any,
    ) -> bool:
        """Change a run's state and log it, in one step.

        Args:
            run_id: The run.
            state: The new state.
            message: The reason, for people; goes into the log.
            expected_states: Only if it is in one of these states; None is any but a final one.
            expected_engine: Only if this engine has the run.
            result: To be stored, unless None.
            error: To be stored and logged, unless None.
            fields: Other columns to set.

        Returns:
            Whether it was changed.

        Raises:
            RunError: If no run has this id.
        """
        allowed = frozenset(RunState) - FINAL_STATES if expected_states is None else expected_states
        if result is not None:
            fields["result"] = json.dumps(encode_values(result))
        if error is not None:
            fields["error"] = json.dumps(encode_values(error))
        if state.is_final:
            # Never before its start, also where the clock was put back meanwhile.
            started = sa.func.coalesce(RUNS.c.started, 0.0)
            fields["ended"] = sa.func.max(started, time.time())
        elif state is RunState.queued:  # a run that continues has not ended
            fields |= {"ended": None, "error": None}
        change = (
            sa.update(RUNS)
            .where(RUNS.c.id == validate_run_id(run_id), RUNS.c.state.in_(allowed))
            .values(state=state, **fields)
        )
        if expected_engine is not None:
            change = change.where(RUNS.c.engine == expected_engine)
        with self.begin_write() as connection:
            changed = connection.execute(change).rowcount == 1
            if changed:
                errors = [error] if error else []
                add_events(connection, run_id, [*errors, StateChanged(state, message)])
            else:
                check_exists(connection, run_id)
        return changed

    def close(self) -> None:
        """Close every connection."""
        self._database.dispose()
