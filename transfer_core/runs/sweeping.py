"""Remove what processes left behind that were killed: unfinished folders and half-written files."""

import logging
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from transfer_core.dataset import remove_abandoned_folders
from transfer_core.runs.store.records import is_run_id
from transfer_core.runs.store.schema import RUNS
from transfer_core.runs.store.store import RunStore
from transfer_core.system import TEMPORARY_PREFIX, UNFINISHED_SUFFIX, remove_abandoned_entries

SAFE_AGE_SECONDS = 3600  # nothing is written for so long without a change
# As `write_atomically`, the checkpoints and the reserves of a run name what is not finished.
_HALF_WRITTEN = re.compile(rf"(.+\.([0-9a-f]{{8}}|reserve)|epoch-.*){re.escape(UNFINISHED_SUFFIX)}")

_LOG = logging.getLogger(__name__)


def sweep_orphans(home: Path) -> None:
    """Remove what dead processes left in the data folder and in the folder for temporary files.

    Unfinished data sets and cache entries go if no process holds their lock, other things if
    nothing has changed for an hour.

    Args:
        home: The data folder.
    """
    if (home / "data").is_dir():
        remove_abandoned_folders(home / "data")
    remove_abandoned_entries(home)
    for path in (*_find_orphaned_folders(home), *_find_half_written(home), *_find_temporary()):
        try:
            if time.time() - _find_last_change(path) < SAFE_AGE_SECONDS:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            _LOG.info("removed %s, which a process left behind", path)
        except OSError as error:  # it has just gone, or belongs to somebody else
            _LOG.info("%s cannot be removed: %s", path, error)


def _find_half_written(home: Path) -> Iterator[Path]:
    """Files that were to replace others."""
    for path in home.rglob(f"*{UNFINISHED_SUFFIX}"):
        if _HALF_WRITTEN.fullmatch(path.name):
            yield path


def _find_orphaned_folders(home: Path) -> Iterator[Path]:
    """Folders of runs that the database does not know, and exports that were not finished."""
    with closing(RunStore(home)) as store, store.connect() as connection:
        known = set(connection.execute(sa.select(RUNS.c.id)).scalars())
    for folder in (home / "runs").glob("*"):
        if is_run_id(folder.name) and folder.name not in known:
            yield folder
        else:
            yield from folder.glob("take_away/.*")


def _find_temporary() -> Iterator[Path]:
    yield from Path(tempfile.gettempdir()).glob(f"{TEMPORARY_PREFIX}*")


def _find_last_change(path: Path) -> float:
    """Seconds since 1970 when a file, or anything in a folder, was changed last."""
    inside = path.rglob("*") if path.is_dir() else ()
    return max(each.stat().st_mtime for each in (path, *inside))
