"""The queue of runs: owners take turns, each owner's oldest run first."""

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from transfer_core.runs.engine.lanes import Lane, LaneFinder
from transfer_core.runs.store.records import (
    RunRecord,
    RunState,
    StateChanged,
    UnreadableRun,
    validate_run_id,
)
from transfer_core.runs.store.rows import add_events
from transfer_core.runs.store.schema import RUNS
from transfer_core.runs.store.store import RunStore


def order_round_robin(
    waiting: Iterable[tuple[str, str]], last_turn: Mapping[str, int]
) -> tuple[str, ...]:
    """Return the order in which waiting runs start, round robin by owner.

    Args:
        waiting: Run id and owner of each, oldest first.
        last_turn: Number of each owner's last turn, growing with time; an owner who never
            had a turn may be missing and comes first.
    """
    queues: dict[str, deque[str]] = {}
    for run_id, owner in waiting:
        queues.setdefault(owner, deque()).append(run_id)
    # Stable sort: among owners who never had a turn, the first to submit comes first.
    circle = deque(sorted(queues, key=lambda owner: last_turn.get(owner, 0)))
    order = []
    while circle:
        owner = circle.popleft()
        order.append(queues[owner].popleft())
        if queues[owner]:
            circle.append(owner)
    return tuple(order)


def put_moved_first(order: Sequence[str], turns: Mapping[str, int]) -> tuple[str, ...]:
    """Return the order with the runs that were moved to the front first, the last moved leading.

    Args:
        order: Ids of waiting runs.
        turns: Each run's turn; it is negative of one that was moved, or was interrupted by a
            restart.
    """
    return tuple(sorted(order, key=lambda run_id: min(turns[run_id], 0)))


def make_front_turn() -> sa.ColumnElement[int]:
    """Return the turn, as the database computes it, of a run that is to start before all others."""
    first = sa.select(sa.func.coalesce(sa.func.min(RUNS.c.turn), 0)).scalar_subquery()
    return sa.func.min(first, 0) - 1


def move_to_front(store: RunStore, run_id: str) -> bool:
    """Let a waiting run start before all others; return whether it waits.

    Raises:
        RunError: If no run has this id.
    """
    waiting = sa.and_(RUNS.c.id == validate_run_id(run_id), RUNS.c.state == RunState.queued)
    with store.begin_write() as connection:
        change = sa.update(RUNS).where(waiting).values(turn=make_front_turn())
        return connection.execute(change).rowcount == 1


def fail_unreadable_run(store: RunStore, run: UnreadableRun) -> None:
    """End an unfinished run whose settings this program cannot read."""
    store.set_state(
        run.id,
        RunState.failed,
        run.problem.problem,
        expected_engine=run.engine,
        error=run.problem,
    )


class RunQueue:
    """The waiting runs of one store; each engine takes its own."""

    def __init__(self, store: RunStore, lanes: LaneFinder) -> None:
        self._store, self._lanes = store, lanes

    def claim(self, engine: str, lane: Lane | None = None) -> RunRecord | None:
        """Take the next waiting run of an engine and lane out of the queue; None if none waits.

        A run that cannot be read fails, and the next one is taken. None is any lane.
        """
        while (run_id := self._claim_id(engine, lane)) is not None:
            run = self._store.read(run_id)
            if isinstance(run, RunRecord):
                return run
            fail_unreadable_run(self._store, run)
        return None

    def _claim_id(self, engine: str, lane: Lane | None) -> str | None:
        with self._store.connect() as connection:
            if not self._fetch_order(connection, engine, lane):
                return None  # without asking for the write lock
        with self._store.begin_write() as connection:
            order = self._fetch_order(connection, engine, lane)
            if not order:
                return None
            latest = sa.select(sa.func.max(RUNS.c.turn)).scalar_subquery()
            connection.execute(
                sa.update(RUNS)
                .where(RUNS.c.id == order[0])
                .values(
                    state=RunState.preparing,
                    started=sa.func.coalesce(RUNS.c.started, time.time()),
                    attempt=RUNS.c.attempt + 1,
                    turn=latest + 1,
                )
            )
            add_events(connection, order[0], [StateChanged(RunState.preparing)])
        return order[0]

    def position(self, run: RunRecord) -> int | None:
        """Return the run's place in its lane, 1 starts next; None if it does not wait."""
        before = self.list_before(run)
        return None if before is None else len(before) + 1

    def list_before(self, run: RunRecord) -> tuple[str, ...] | None:
        """Return the runs that start before a run in its lane, by id; None if it does not wait."""
        if run.state is not RunState.queued:
            return None
        order = self.list_order(run.engine, self._lanes.find(run.id, run.config))
        return order[: order.index(run.id)] if run.id in order else None

    def list_order(self, engine: str | None, lane: Lane | None) -> tuple[str, ...]:
        """Return the waiting runs of an engine and lane by id; the first starts next."""
        with self._store.connect() as connection:
            return self._fetch_order(connection, engine, lane)

    def adopt(self, engine: str) -> int:
        """Take over the waiting runs that belong to no engine; return their number."""
        unowned = sa.update(RUNS).where(
            RUNS.c.state == RunState.queued, RUNS.c.engine.is_(None), RUNS.c.resumable
        )
        with self._store.begin_write() as connection:
            return connection.execute(unowned.values(engine=engine)).rowcount

    def _fetch_order(
        self, connection: sa.Connection, engine: str | None, lane: Lane | None
    ) -> tuple[str, ...]:
        waiting = (
            sa.select(RUNS.c.id, RUNS.c.owner, RUNS.c.turn, RUNS.c.config)
            .where(RUNS.c.state == RunState.queued, RUNS.c.engine == engine)
            .order_by(RUNS.c.number)
        )
        rows = connection.execute(waiting).all()
        if lane is not None:
            rows = [row for row in rows if self._lanes.find(row.id, row.config) is lane]
        if not rows:
            return ()
        owners = {row.owner for row in rows}
        last = (
            sa.select(RUNS.c.owner, sa.func.max(RUNS.c.turn))
            .where(RUNS.c.owner.in_(owners))
            .group_by(RUNS.c.owner)
        )
        order = order_round_robin(
            ((row.id, row.owner) for row in rows), dict(connection.execute(last).all())
        )
        return put_moved_first(order, {row.id: row.turn for row in rows})
