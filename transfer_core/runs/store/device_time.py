"""How long a run kept its devices busy, by its log: every attempt, and no waiting."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from transfer_core.runs.store.events import parse_event
from transfer_core.runs.store.records import (
    ACTIVE_STATES,
    LoggedEvent,
    RunRecord,
    RunState,
    StateChanged,
)
from transfer_core.runs.store.schema import EVENTS
from transfer_core.runs.store.store import RunStore
from transfer_core.runs.stored_texts import is_waiting

# A run that is put back into the queue, or interrupted, may have died long before.
DIED = frozenset({RunState.queued, RunState.interrupted})
READ_KINDS = ("state", "preparing")  # of events; of others the time is enough


@dataclass(frozen=True, slots=True)
class Occupation:
    """A time in which a run had its devices; in seconds since 1970."""

    start: float
    end: float | None  # None: it has them still


def list_occupations(store: RunStore, run_id: str) -> tuple[Occupation, ...]:
    """Return when a run had its devices, oldest first; see `find_occupations`."""
    values = sa.case((EVENTS.c.kind.in_(READ_KINDS), EVENTS.c["values"]), else_=None)
    wanted = sa.select(EVENTS.c.time, EVENTS.c.kind, values).where(EVENTS.c.run == run_id)
    with store.connect() as connection:
        rows = connection.execute(wanted.order_by(EVENTS.c.sequence)).all()
    return find_occupations((time, text and parse_event(kind, text)) for time, kind, text in rows)


def find_occupations(log: Iterable[tuple[float, LoggedEvent | None]]) -> tuple[Occupation, ...]:
    """Return when a run had its devices.

    That is from leaving the queue to the end of each attempt. While a run waits for a place, until
    the next that it reports, it has none. Of an attempt whose process died nobody knows the end,
    so it counts to the last that it reported.

    Args:
        log: Time and event, oldest first; None stands for any event that changes nothing.
    """
    found: list[Occupation] = []
    start, last = None, 0.0
    for time, event in log:
        is_change = isinstance(event, StateChanged)
        if is_waiting(event) or (is_change and event.state not in ACTIVE_STATES):
            if start is not None:
                is_dead = is_change and event.state in DIED
                found.append(Occupation(start, last if is_dead else time))
            start = None
        elif start is None and not (is_change and event.state is RunState.stopping):
            start = time
        last = time
    return (*found, Occupation(start, None)) if start is not None else tuple(found)


def sum_device_seconds(record: RunRecord, occupations: Iterable[Occupation], now: float) -> float:
    """Return the seconds that a run had its devices, times their number.

    Args:
        record: The run.
        occupations: When it had them.
        now: Until when one that lasts is counted, in seconds since 1970.
    """
    ends = ((each.start, now if each.end is None else each.end) for each in occupations)
    return record.config.devices * sum(max(0.0, end - start) for start, end in ends)
