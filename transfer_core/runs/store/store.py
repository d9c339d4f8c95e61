"""The run store: records and event logs in SQLite, safe for many readers at any time."""

import json
import time
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from transfer_core.errors import RunError
from transfer_core.runs.store.records import (
    FINAL_STATES,
    IMPORTED_OWNER,
    RunEvent,
    RunRecord,
    RunState,
    generate_id,
    make_unknown_run_error,
    validate_run_id,
)
from transfer_core.runs.store.rows import (
    RECORD_COLUMNS,
    EventPayload,
    add_events,
    clean_label,
    encode_json,
    make_state_event,
    to_record,
)
from transfer_core.runs.store.schema import EVENTS, RUNS, open_database
from transfer_core.runs.store.specification import to_json
from transfer_core.training.config import RunConfig


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
        """A connection for reading; it never waits for a writer."""
        return self._database.connect()

    def begin_write(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that holds the write lock from its beginning."""
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
    ) -> RunRecord:
        """Queue a run.

        Args:
            config: What to run; every setting is checked.
            name: For people; None names it after its case.
            owner: Who shares the queue fairly with the others.
            idempotency_key: Made once by whoever asks; the same owner asking again with the
                same key gets the same run.
            engine: The engine that shall run it; None leaves it to any that resumes runs.
            resumable: Whether another engine may go on with it after this one has died.

        Raises:
            SettingsError: If a setting is not what it may be.
        """
        row = {
            "id": generate_id(),
            "name": clean_label(name) or config.strategy.case.title,
            "owner": clean_label(owner),
            "key": idempotency_key,
            "config": to_json(config),
            "state": RunState.queued,
            "created": time.time(),
            "engine": engine,
            "resumable": resumable,
        }
        with self.begin_write() as connection:
            if idempotency_key is not None:
                same = sa.select(*RECORD_COLUMNS).filter_by(owner=row["owner"], key=idempotency_key)
                if (earlier := connection.execute(same).first()) is not None:
                    return to_record(earlier)
            connection.execute(RUNS.insert().values(row))
            add_events(
                connection, row["id"], [make_state_event(RunState.queued, "Waiting for its turn.")]
            )
        return self.get(row["id"])

    def add_imported(
        self,
        run_id: str,
        config: RunConfig,
        name: str,
        result: dict[str, Any],
        idempotency_key: str,
    ) -> RunRecord:
        """Record a run that came to its result elsewhere.

        Args:
            run_id: A new id, under which its files lie already.
            config: What was run.
            name: For people.
            result: Values of its "tested" event.
            idempotency_key: Of what it came in, so that taking that in twice makes one run.

        Returns:
            Its record, or that of the run which came of the same key before.
        """
        now = time.time()
        row = {
            "id": run_id,
            "name": clean_label(name),
            "owner": IMPORTED_OWNER,
            "key": idempotency_key,
            "config": to_json(config),
            "state": RunState.finished,
            "created": now,
            "ended": now,
            "result": encode_json(result),
            "resumable": False,
        }
        with self.begin_write() as connection:
            same = sa.select(*RECORD_COLUMNS).filter_by(owner=IMPORTED_OWNER, key=idempotency_key)
            if (earlier := connection.execute(same).first()) is not None:
                return to_record(earlier)
            connection.execute(RUNS.insert().values(row))
            report = make_state_event(RunState.finished, "Taken in from a bundle.")
            add_events(connection, run_id, [report])
        return self.get(run_id)

    def get(self, run_id: str) -> RunRecord:
        """One run.

        Raises:
            RunError: If there is none of this id, or it was deleted.
        """
        found = sa.select(*RECORD_COLUMNS).where(RUNS.c.id == validate_run_id(run_id))
        with self.connect() as connection:
            row = connection.execute(found).first()
        if row is None:
            raise make_unknown_run_error(run_id)
        if row.deleted is not None:
            raise RunError(
                "This run was deleted.",
                found=f"run {run_id}",
                remedy="Bring it back on the page Runs, which can be done for a day.",
            )
        return to_record(row)

    def list(
        self, *, states: Collection[RunState] | None = None, deleted: bool = False
    ) -> tuple[RunRecord, ...]:
        """Every run, or those in these states, newest first; or those that were deleted."""
        wanted = sa.select(*RECORD_COLUMNS).order_by(RUNS.c.number.desc())
        wanted = wanted.where((RUNS.c.deleted.is_not(None)) == deleted)
        if states is not None:
            wanted = wanted.where(RUNS.c.state.in_(states))
        with self.connect() as connection:
            return tuple(to_record(row) for row in connection.execute(wanted))

    def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        """The log of a run behind a sequence number, oldest first.

        Raises:
            RunError: If there is no run of this id.
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
                _check_exists(connection, run_id)  # no news of a run, or no such run?
        return tuple(RunEvent(s, t, kind, json.loads(values)) for s, t, kind, values in rows)

    def append(
        self, run_id: str, kind: str, values: dict[str, Any], *, engine: str | None = None
    ) -> None:
        """Add one event; see `append_all`."""
        self.append_all(run_id, [(kind, values)], engine=engine)

    def append_all(
        self, run_id: str, events: Iterable[EventPayload], *, engine: str | None = None
    ) -> None:
        """Add events to a run's log, all or none.

        Args:
            run_id: The run.
            events: Kind and values of each, oldest first.
            engine: Who writes; None is not asked whether the run is its own.

        Raises:
            RunError: If the run is unknown, over, or has passed to another engine.
        """
        holder = sa.select(RUNS.c.state, RUNS.c.engine).where(RUNS.c.id == validate_run_id(run_id))
        with self.begin_write() as connection:
            row = connection.execute(holder).first()
            if row is None:
                raise make_unknown_run_error(run_id)
            if row.state in FINAL_STATES or engine not in (None, row.engine):
                raise RunError(
                    "This run is over or goes on elsewhere; nothing more can be added to it.",
                    found=f"state {row.state}",
                    remedy="Start the run again.",
                )
            add_events(connection, run_id, events)

    def set_state(
        self,
        run_id: str,
        state: RunState,
        message: str = "",
        *,
        expected_states: Collection[RunState] | None = None,
        expected_engine: str | None = None,
        **fields: Any,
    ) -> bool:
        """Change a run's state, unless it is over, and log it, in one step.

        Args:
            run_id: The run.
            state: What it becomes.
            message: For people, why; goes into the log.
            expected_states: Only if it is in one of these states; None is any but a final one.
            expected_engine: Only if this engine has the run.
            fields: Other columns to set: `error` and `result` as dicts, `engine`.

        Returns:
            Whether it was changed.

        Raises:
            RunError: If there is no run of this id.
        """
        allowed = (
            frozenset(RunState) - FINAL_STATES
            if expected_states is None
            else frozenset(expected_states) - FINAL_STATES
        )
        new = {
            key: encode_json(v) if key in ("error", "result") else v for key, v in fields.items()
        }
        if state.is_final:
            new["ended"] = time.time()
        change = (
            sa.update(RUNS)
            .where(RUNS.c.id == validate_run_id(run_id), RUNS.c.state.in_(allowed))
            .values(state=state, **new)
        )
        if expected_engine is not None:
            change = change.where(RUNS.c.engine == expected_engine)
        with self.begin_write() as connection:
            changed = connection.execute(change).rowcount == 1
            if changed:
                failure = fields.get("error")
                reports = [("failed", failure)] if failure else []
                add_events(connection, run_id, [*reports, make_state_event(state, message)])
            else:
                _check_exists(connection, run_id)
        return changed

    def close(self) -> None:
        """Close every connection."""
        self._database.dispose()


def _check_exists(connection: sa.Connection, run_id: str) -> None:
    if connection.execute(sa.select(RUNS.c.number).where(RUNS.c.id == run_id)).first() is None:
        raise make_unknown_run_error(run_id)
