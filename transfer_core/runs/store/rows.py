"""Between the rows of the run database and the values that the program uses."""

import json
import math
import time
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from transfer_core.runs.store.records import RunRecord, RunState
from transfer_core.runs.store.schema import EVENTS, RUNS
from transfer_core.runs.store.specification import from_json

MAX_NAME_LENGTH = 120  # characters
RECORD_COLUMNS = [RUNS.c[name] for name in RunRecord.__dataclass_fields__]

EventPayload = tuple[str, dict[str, Any]]  # kind and values of an event


def add_events(connection: sa.Connection, run_id: str, events: Iterable[EventPayload]) -> None:
    """Add events inside a transaction that holds the write lock."""
    last = sa.select(sa.func.coalesce(sa.func.max(EVENTS.c.sequence), 0)).where(
        EVENTS.c.run == run_id
    )
    first, now = connection.execute(last).scalar_one() + 1, time.time()
    rows = [
        {
            "run": run_id,
            "sequence": number,
            "time": now,
            "kind": kind,
            "values": encode_json(values),
        }
        for number, (kind, values) in enumerate(events, first)
    ]
    if rows:
        connection.execute(EVENTS.insert(), rows)


def make_state_event(state: RunState, message: str) -> EventPayload:
    """The event that logs a new state."""
    return "state", {"state": state.value, "message": message}


def to_record(row: sa.Row) -> RunRecord:
    """The record of a row of `RECORD_COLUMNS`."""
    values = row._asdict()
    for name in ("error", "result"):
        values[name] = json.loads(values[name]) if values[name] is not None else None
    values["tags"] = tuple(json.loads(values["tags"]))
    return RunRecord(
        **values | {"config": from_json(values["config"]), "state": RunState(values["state"])}
    )


def clean_label(text: str | None) -> str:
    """One line of printable text, cut to a length that a page can show."""
    return replace_control_characters(text or "").strip()[:MAX_NAME_LENGTH]


def replace_control_characters(text: str) -> str:
    """The text with a space in place of each control character and line end."""
    return "".join(c if c.isprintable() else " " for c in text)


def encode_json(values: dict[str, Any] | None) -> str | None:
    """Values as JSON; None stays None."""
    return None if values is None else json.dumps(replace_non_finite(values))


def replace_non_finite(value: Any) -> Any:
    """The same value with None for every number that JSON does not know."""
    if isinstance(value, dict):
        return {key: replace_non_finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [replace_non_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
