"""Import, name, note, tag, delete and restore runs, as people ask for it."""

import json
import logging
import shutil
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from transfer_core.errors import RunError
from transfer_core.languages import _
from transfer_core.runs.store.config_json import to_json
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.events import encode_values
from transfer_core.runs.store.records import (
    UNFINISHED_STATES,
    RunRecord,
    RunState,
    StateChanged,
    validate_run_id,
)
from transfer_core.runs.store.rows import clean_label, replace_control_characters
from transfer_core.runs.store.schema import EVENTS, RUNS
from transfer_core.runs.store.store import RunStore
from transfer_core.runs.store.track_record import keep_check
from transfer_core.training import RunConfig, TestResult

DELETION_GRACE_SECONDS = 24 * 3600.0  # seconds from a deletion until the files go
MAX_NOTES_LENGTH = 4_000  # characters
MAX_TAGS, MAX_TAG_LENGTH = 20, 40  # tags of a run; characters

_LOG = logging.getLogger(__name__)


def add_imported_run(
    store: RunStore,
    run_id: str,
    config: RunConfig,
    name: str,
    result: TestResult,
    idempotency_key: str,
    owner: str = "",
) -> RunRecord:
    """Record a run that was trained elsewhere.

    Args:
        store: The run store.
        run_id: A new id; the run's files lie under it already.
        config: Its configuration.
        name: For people.
        result: Its result.
        idempotency_key: Of the file it came in, so that importing it twice makes one run.
        owner: Whose run it is.

    Returns:
        Its record, or that of the run imported earlier with the same key.
    """
    now = time.time()
    row = {
        "id": run_id,
        "name": clean_label(name),
        "owner": clean_label(owner),
        "key": idempotency_key,
        "config": to_json(config),
        "state": RunState.finished,
        "created": now,
        "ended": now,
        "result": json.dumps(encode_values(result)),
        "resumable": False,
    }
    return store.insert(row, StateChanged(RunState.finished, "Taken in from a bundle."))


def update_run(
    store: RunStore,
    run_id: str,
    *,
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
) -> RunRecord:
    """Change the name, notes or tags of a run; None leaves one as it is.

    Args:
        store: The run store.
        run_id: The run.
        name: One line; an empty one changes nothing.
        notes: Lines of plain text, cut at `MAX_NOTES_LENGTH`.
        tags: Single words or short phrases; a repeated one counts once, whatever its case.

    Raises:
        RunError: If no run has this id, or it was deleted.
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
    """Delete runs; for `DELETION_GRACE_SECONDS` seconds they can be restored.

    Raises:
        RunError: If one of them is not over; none is deleted then.
    """
    chosen = [validate_run_id(run_id) for run_id in run_ids]
    with store.begin_write() as connection:
        going = sa.select(RUNS.c.name).where(
            RUNS.c.id.in_(chosen), RUNS.c.state.in_(UNFINISHED_STATES)
        )
        if names := connection.execute(going).scalars().all():
            raise RunError(
                _("A run that is not over cannot be deleted."),
                found=", ".join(names[:5]),
                remedy=_("Stop it first, then delete it."),
            )
        hidden = sa.update(RUNS).where(RUNS.c.id.in_(chosen), RUNS.c.deleted.is_(None))
        connection.execute(hidden.values(deleted=time.time()))


def restore_runs(store: RunStore, run_ids: Collection[str]) -> None:
    """Undo a deletion; a run that is gone for good stays gone."""
    chosen = [validate_run_id(run_id) for run_id in run_ids]
    with store.begin_write() as connection:
        connection.execute(sa.update(RUNS).where(RUNS.c.id.in_(chosen)).values(deleted=None))


def purge_deleted_runs(
    store: RunStore,
    home: Path,
    *,
    older_than: float = DELETION_GRACE_SECONDS,
    among: Collection[str] | None = None,
) -> int:
    """Remove deleted runs and all their files for good.

    Args:
        store: The run store.
        home: The data folder.
        older_than: Seconds since the deletion.
        among: Ids of the runs that may be removed; None is all.

    Returns:
        The number of runs removed. Files that cannot be removed now go at the next start.
    """
    limit = time.time() - older_than
    return sum(
        _purge_run(store, home, run.id, limit)
        for run in store.list_all(deleted=True)
        if run.deleted <= limit and (among is None or run.id in among)
    )


def _purge_run(store: RunStore, home: Path, run_id: str, limit: float) -> bool:
    """Remove one run unless it was restored meanwhile; return whether it is gone."""
    old = sa.select(RUNS.c.id).where(RUNS.c.id == run_id, RUNS.c.deleted <= limit)
    with store.begin_write() as connection:  # holds the lock, so that nobody restores it now
        if connection.execute(old).first() is None:
            return False
        keep_check(connection, run_id)
        connection.execute(sa.delete(EVENTS).where(EVENTS.c.run == run_id))
        connection.execute(sa.delete(RUNS).where(RUNS.c.id == run_id))
    # The files go last: without its record a run is gone, without its files it would be half there.
    try:
        shutil.rmtree(RunDirectory.locate(home, run_id).path)
    except FileNotFoundError:
        pass
    except OSError:
        _LOG.exception("the files of the deleted run %s cannot be removed now", run_id)
    return True
