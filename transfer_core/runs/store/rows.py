"""Rows of the run database, written from and read as the values that the program uses."""

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from transfer_core.errors import RunError, SettingsError
from transfer_core.languages import N_, _
from transfer_core.runs.store.config_json import from_json
from transfer_core.runs.store.events import UNREADABLE, decode_values, encode_event
from transfer_core.runs.store.expectation import Expectation
from transfer_core.runs.store.records import (
    FINAL_STATES,
    Failed,
    LoggedEvent,
    RunRecord,
    RunState,
    UnreadableRun,
    make_unknown_run_error,
)
from transfer_core.runs.store.schema import EVENTS, RUNS
from transfer_core.training import TestResult

MAX_NAME_LENGTH = 120  # characters
RECORD_COLUMNS = [RUNS.c[name] for name in RunRecord.__dataclass_fields__]
_UNREADABLE_FIELDS = [name for name in UnreadableRun.__dataclass_fields__ if name != "problem"]


def add_events(
    connection: sa.Connection,
    run_id: str,
    events: Iterable[LoggedEvent],
    when: float | None = None,
) -> None:
    """Add events inside a transaction that holds the write lock.

    Args:
        connection: Of the transaction.
        run_id: The run.
        events: Oldest first.
        when: They were reported, in seconds since 1970; None is now.
    """
    last = sa.select(sa.func.coalesce(sa.func.max(EVENTS.c.sequence), 0)).where(
        EVENTS.c.run == run_id
    )
    first, now = connection.execute(last).scalar_one() + 1, when or time.time()
    rows = [
        {
            "run": run_id,
            "sequence": number,
            "time": now,
            "kind": kind,
            "values": json.dumps(values),
        }
        for number, (kind, values) in enumerate(map(encode_event, events), first)
    ]
    if rows:
        connection.execute(EVENTS.insert(), rows)


def insert_run(connection: sa.Connection, row: dict[str, Any], event: LoggedEvent) -> str:
    """Add a run with its first event, unless its owner has a run with the same key.

    Returns:
        The id of the new run, or of the earlier one with the same owner and key.
    """
    if row["key"] is not None:
        same = sa.select(RUNS.c.id).filter_by(owner=row["owner"], key=row["key"])
        if (earlier := connection.execute(same).scalar()) is not None:
            return earlier
    connection.execute(RUNS.insert().values(row))
    add_events(connection, row["id"], [event])
    return row["id"]


def check_exists(connection: sa.Connection, run_id: str) -> None:
    """Raise RunError if no run has this id."""
    if connection.execute(sa.select(RUNS.c.number).where(RUNS.c.id == run_id)).first() is None:
        raise make_unknown_run_error(run_id)


def check_writable(connection: sa.Connection, run_id: str, engine: str | None) -> None:
    """Raise RunError if a run is unknown, over, or has passed to another engine."""
    holder = sa.select(RUNS.c.state, RUNS.c.engine).where(RUNS.c.id == run_id)
    row = connection.execute(holder).first()
    if row is None:
        raise make_unknown_run_error(run_id)
    if row.state in FINAL_STATES or engine not in (None, row.engine):
        raise RunError(
            _("This run is over or goes on elsewhere; nothing more can be added to it."),
            found=f"state {row.state}",
            remedy=_("Start the run again."),
        )


def to_record(row: sa.Row) -> RunRecord | UnreadableRun:
    """Return the record of a row of `RECORD_COLUMNS`; an unreadable one if it cannot be read."""
    values = row._asdict()
    try:
        return RunRecord(
            **values
            | {
                "state": RunState(row.state),
                "tags": tuple(map(str, json.loads(row.tags))),
                "config": from_json(row.config),
                "result": _decode_json(TestResult, row.result),
                "error": _decode_json(Failed, row.error),
                "expectation": _decode_json(Expectation, row.expectation),
            }
        )
    except (SettingsError, *UNREADABLE) as error:
        known = {name: values[name] for name in _UNREADABLE_FIELDS}
        with suppress(ValueError):  # another version has states that this one does not know
            known["state"] = RunState(row.state)
        return UnreadableRun(**known, problem=_describe_unreadable(error))


def _decode_json(target: type, text: str | None):
    return None if text is None else decode_values(target, json.loads(text))


def _describe_unreadable(error: Exception) -> Failed:
    return Failed(
        N_("This run cannot be read: another version of Transfer Lab wrote it."),
        error.found if isinstance(error, SettingsError) else str(error)[:120],
        N_("Delete it, or open it with the version that wrote it."),
    )


def clean_label(text: str | None) -> str:
    """Return one line of printable text, cut to a length that a page can show."""
    return replace_control_characters(text or "").strip()[:MAX_NAME_LENGTH]


def replace_control_characters(text: str) -> str:
    """Return the text with a space in place of each control character and line end."""
    return "".join(c if c.isprintable() else " " for c in text)
