"""Remove what a workspace holds, for good; what others hold or need stays."""

from collections.abc import Collection
from pathlib import Path

from transfer_core import dataset
from transfer_core.errors import WorkspaceError
from transfer_core.languages import _
from transfer_core.runs import (
    UNFINISHED_STATES,
    Engine,
    RunRecord,
    RunStore,
    delete_runs,
    purge_deleted_runs,
)
from transfer_core.workspaces.belongings import Belongings, add_ancestors
from transfer_core.workspaces.store import WorkspaceStore, open_workspaces

UNUSED_DAYS = 7  # that an empty workspace is kept after it was seen last
STOP_SECONDS = 60.0  # that a stopped run may take to test what it has learned


def delete_data_set(belongings: Belongings, engine: Engine, data_id: str) -> None:
    """Remove a data set of a workspace, and its runs that learned from it, for good.

    A failure in between leaves the rest in place, for another try.

    Raises:
        WorkspaceError: If a run does not end, or its files cannot be removed.
        DataSetError: If the disk does not let files be removed.
    """
    remove_runs(belongings, engine, {run.id for run in belongings.list_runs_on(data_id)})
    release_data_set(belongings, data_id)


def release_data_set(belongings: Belongings, data_id: str) -> None:
    """Let a workspace no longer hold a data set; its files go with the last who needs them.

    Raises:
        DataSetError: If the disk does not let the files be removed.
    """
    belongings.workspaces.release(belongings.workspace, data_id)
    remove_unneeded(belongings.home, belongings.workspaces, belongings.runs, [data_id])


def clear_workspace(belongings: Belongings, engine: Engine) -> None:
    """Remove all runs and data sets of a workspace, and the workspace; that of this computer stays.

    A failure in between leaves the rest in place, for another try.

    Raises:
        WorkspaceError: If a run does not end, or its files cannot be removed.
        DataSetError: If the disk does not let files be removed.
    """
    runs = (*belongings.list_all_runs(), *belongings.list_all_runs(deleted=True))
    remove_runs(belongings, engine, {run.id for run in runs})
    held = belongings.workspaces.list_held(belongings.workspace)
    belongings.workspaces.remove(belongings.workspace)
    remove_unneeded(belongings.home, belongings.workspaces, belongings.runs, held)


def remove_unused_workspaces(home: Path, now: float) -> int:
    """Forget workspaces in which nothing was ever made and that nobody uses; returns how many.

    Whatever asks for a page without a cookie gets one, also a program that looks once.

    Args:
        home: The data folder.
        now: Seconds since 1970.
    """
    runs = RunStore(home)
    owners = {run.owner for run in (*runs.list_all(), *runs.list_all(deleted=True))}
    return open_workspaces(home).remove_unused(now - UNUSED_DAYS * 24 * 3600, owners)


def remove_runs(belongings: Belongings, engine: Engine, run_ids: Collection[str]) -> None:
    """Stop runs of a workspace's own and remove them for good, also those that were deleted.

    Raises:
        WorkspaceError: If a run does not end, or its files cannot be removed.
    """
    there = [run for run in belongings.list_all_runs() if run.id in run_ids]
    unfinished = [run.id for run in there if run.state in UNFINISHED_STATES]
    for run_id in unfinished:
        engine.stop(run_id)
    for run_id in unfinished:
        engine.wait(run_id, STOP_SECONDS)
    delete_runs(belongings.runs, [run.id for run in there])
    purge_deleted_runs(belongings.runs, belongings.home, older_than=0, among=run_ids)
    if left := [run for run in belongings.list_all_runs(deleted=True) if run.id in run_ids]:
        raise WorkspaceError(
            _("The files of some runs could not be removed."),
            found=", ".join(run.name for run in left[:5]),
            remedy=_("Close programs that have these files open, and try again."),
        )


def remove_unneeded(
    home: Path, workspaces: WorkspaceStore, runs: RunStore, data_ids: Collection[str]
) -> None:
    """Remove those of some data sets that nobody holds and no run needs, and their ancestors.

    A version needs the data sets that it was made from.
    """
    candidates = add_ancestors(home, data_ids)
    with workspaces.keep_others_out() as held:
        records = (*runs.list_all(), *runs.list_all(deleted=True))
        used = {run.config.data_id for run in records if isinstance(run, RunRecord)}
        for data_id in candidates - add_ancestors(home, used | held):
            dataset.remove_data_set(home, data_id)
