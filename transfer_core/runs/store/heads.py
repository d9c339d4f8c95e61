"""The little of many runs that tells whether there is news of them."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from transfer_core.runs.store.records import RunState
from transfer_core.runs.store.schema import RUNS
from transfer_core.runs.store.store import RunStore


@dataclass(frozen=True, slots=True)
class RunHead:
    """What of a run costs nothing to read: none of its JSON."""

    id: str
    owner: str
    state: RunState
    created: float  # seconds since 1970
    deleted: float | None  # seconds since 1970


def list_run_heads(store: RunStore, owners: Collection[str]) -> tuple[RunHead, ...]:
    """Return the runs of some owners, the oldest first, also those that can be restored."""
    columns = [RUNS.c[name] for name in RunHead.__dataclass_fields__]
    wanted = sa.select(*columns).where(RUNS.c.owner.in_(owners)).order_by(RUNS.c.number)
    with store.connect() as connection:
        rows = connection.execute(wanted).all()
    return tuple(RunHead(r.id, r.owner, RunState(r.state), r.created, r.deleted) for r in rows)
