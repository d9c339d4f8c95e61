"""What people do with their runs: name, note and tag them, delete them and bring them back."""

import json
import logging
import shutil
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from transfer_core.errors import RunError
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import FINAL_STATES, RunRecord, validate_run_id
from transfer_core.runs.store.rows import clean_label, replace_control_characters
from transfer_core.runs.store.schema import EVENTS, RUNS
from transfer_core.runs.store.store import RunStore

DELETION_GRACE_SECONDS = 24 * 3600.0  # seconds from a deletion until the files go
MAX_NOTES_LENGTH = 4_000  # characters
MAX_TAGS, MAX_TAG_LENGTH = 20, 40  # tags of a run; characters

_LOG = logging.getLogger(__name__)


def update_run(
    store: RunStore,
    run_id: str,
    *,
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
) -> RunRecord:
    """Change what people say of a run; None leaves a part as it is.

    Args:
        store: Where the run is.
        run_id: The run.
        name: One line; an empty one changes nothing.
        notes: Lines of plain text; cut at `MAX_NOTES_LENGTH`.
        tags: Single words or short phrases; a repeated one counts once, whatever its case.

    Raises:
        RunError: If there is no run of this id, or it was deleted.
    """
    store.get(run_id)
    new: dict[str, Any] = {}
    if name is not None and clean_label(name):
        new["name"] = clean_label(name)
    if notes is not None:
        new["notes"] = "\n".join(map(replace_control_characters, notes.splitlines())).strip()[
            :MAX_NOTES_LENGTH
        ]
    if tags is not None:
        new["tags"] = json.dumps(_remove_duplicate_tags(tags)[:MAX_TAGS], ensure_ascii=False)
    if new:
        with store.begin_write() as connection:
            connection.execute(sa.update(RUNS).where(RUNS.c.id == run_id).values(new))
    return store.get(run_id)


def _remove_duplicate_tags(tags: Sequence[str]) -> list[str]:
    once: dict[str, str] = {}
    for tag in tags:
        if cleaned := replace_control_characters(tag)[:MAX_TAG_LENGTH].strip():
            once.setdefault(cleaned.casefold(), cleaned)
    return list(once.values())


def delete_runs(store: RunStore, run_ids: Collection[str]) -> None:
    """Hide runs at once; for `DELETION_GRACE_SECONDS` seconds they can be brought back.

    Raises:
        RunError: If one of them is not over; then none is deleted.
    """
    chosen = [validate_run_id(run_id) for run_id in run_ids]
    with store.begin_write() as connection:
        going = sa.select(RUNS.c.name).where(
            RUNS.c.id.in_(chosen), RUNS.c.state.not_in(FINAL_STATES)
        )
        if names := connection.execute(going).scalars().all():
            raise RunError(
                "A run that is not over cannot be deleted.",
                found=", ".join(names[:5]),
                remedy="Stop it first, then delete it.",
            )
        hidden = sa.update(RUNS).where(RUNS.c.id.in_(chosen), RUNS.c.deleted.is_(None))
        connection.execute(hidden.values(deleted=time.time()))


def restore_runs(store: RunStore, run_ids: Collection[str]) -> None:
    """Undo a deletion; a run that is gone for good stays gone."""
    chosen = [validate_run_id(run_id) for run_id in run_ids]
    with store.begin_write() as connection:
        connection.execute(sa.update(RUNS).where(RUNS.c.id.in_(chosen)).values(deleted=None))


def purge_deleted_runs(
    store: RunStore, home: Path, *, older_than: float = DELETION_GRACE_SECONDS
) -> int:
    """Remove deleted runs for good, with all their files.

    Args:
        store: Where the runs are.
        home: The data folder.
        older_than: Seconds since the deletion.

    Returns:
        How many are gone. One whose files cannot be removed stays, for another try.
    """
    limit = time.time() - older_than
    return sum(
        _purge_run(store, home, run.id, limit)
        for run in store.list(deleted=True)
        if run.deleted <= limit
    )


def _purge_run(store: RunStore, home: Path, run_id: str, limit: float) -> bool:
    """Whether a run is gone, unless it was brought back meanwhile."""
    old = sa.select(RUNS.c.id).where(RUNS.c.id == run_id, RUNS.c.deleted <= limit)
    with store.begin_write() as connection:  # holds the lock, so that it cannot be brought back now
        if connection.execute(old).first() is None or not _remove_files(home, run_id):
            return False
        connection.execute(sa.delete(EVENTS).where(EVENTS.c.run == run_id))
        connection.execute(sa.delete(RUNS).where(RUNS.c.id == run_id))
    return True


def _remove_files(home: Path, run_id: str) -> bool:
    """Whether a run's folder is gone."""
    try:
        shutil.rmtree(RunDirectory.of(home, run_id).path)
    except FileNotFoundError:
        return True
    except OSError:
        _LOG.exception("the files of the deleted run %s cannot be removed", run_id)
        return False
    return True
