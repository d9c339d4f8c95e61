"""What one workspace may see and change: the one place that every look-up by an id goes through."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from transfer_core import dataset
from transfer_core.errors import DataSetError, RunError
from transfer_core.languages import _
from transfer_core.runs import (
    RunRecord,
    RunState,
    RunStore,
    UnreadableRun,
    make_unknown_run_error,
    require_usable,
)
from transfer_core.workspaces.links import WITHDRAWN, Link, Workspace
from transfer_core.workspaces.store import Holding, WorkspaceStore, open_workspaces

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Belongings:
    """The data sets and runs of one workspace, and those that it may look at."""

    home: Path  # the data folder
    workspace: Workspace

    @property
    def workspaces(self) -> WorkspaceStore:
        """The store of all workspaces."""
        return open_workspaces(self.home)

    @property
    def runs(self) -> RunStore:
        """The records of all runs; look one up by the methods below."""
        return _open_runs(self.home)

    # ------------------------------------------------------------------ Runs

    def get_run(self, run_id: str) -> RunRecord:
        """Return a run of the workspace's own, or one that a link shows it.

        Raises:
            RunError: If there is none; the answer for a run of somebody else is that for none.
        """
        return require_usable(self._find_run(run_id, own=False))

    def own_run(self, run_id: str) -> str:
        """Return the id of a run that the workspace may change; raise as `get_run` for others."""
        return self._find_run(run_id, own=True).id

    def own_runs(self, run_ids: Collection[str]) -> tuple[str, ...]:
        """Return the ids of runs that the workspace may change, all or none; see `own_run`."""
        return tuple(self.own_run(run_id) for run_id in run_ids)

    def is_own_run(self, record: RunRecord | UnreadableRun) -> bool:
        """Whether the workspace may change a run."""
        return self.workspaces.owns(self.workspace, record.owner)

    def list_runs(self, states: Collection[RunState] | None = None) -> tuple[RunRecord, ...]:
        """Return the workspace's own readable runs, newest first; None is any state."""
        records = self.list_all_runs(states=states)
        return tuple(record for record in records if isinstance(record, RunRecord))

    def list_all_runs(
        self, *, states: Collection[RunState] | None = None, deleted: bool = False
    ) -> tuple[RunRecord | UnreadableRun, ...]:
        """Return the workspace's own runs, newest first; arguments as for `RunStore.list_all`."""
        if not self.workspace.is_this_computer:
            return self.runs.list_all(states=states, deleted=deleted, owner=self.workspace.id)
        others = self.workspaces.list_others(self.workspace)
        records = self.runs.list_all(states=states, deleted=deleted)
        return tuple(record for record in records if record.owner not in others)

    def list_runs_on(self, data_id: str) -> tuple[RunRecord, ...]:
        """Return the workspace's own runs on a data set, also those that were deleted lately."""
        runs = (*self.list_all_runs(), *self.list_all_runs(deleted=True))
        readable = (run for run in runs if isinstance(run, RunRecord))
        return tuple(run for run in readable if run.config.data_id == data_id)

    def _find_run(self, run_id: str, *, own: bool) -> RunRecord | UnreadableRun:
        record = self.runs.read(run_id)
        if self.is_own_run(record):
            return record
        links = self.workspaces.links
        if not own and links.was_shown(self.workspace, "run", run_id):
            return record
        if not own and links.was_shown(self.workspace, WITHDRAWN, run_id):
            raise RunError(
                _("The link to this run was withdrawn."),
                found=_("run id {id}", id=run_id),
                remedy=_("Ask whoever shared it for a new link, or choose a run of your own."),
            )
        self._log_refusal("run", run_id)
        raise make_unknown_run_error(run_id)

    # ------------------------------------------------------------------ Data sets

    def find_data_set(self, public_id: str) -> Holding:
        """Return what an id of an address names, of the workspace's own or shown by a link.

        Raises:
            DataSetError: If there is none; the answer for one of somebody else is that for none.
        """
        holding = self.workspaces.find_holding(self.workspace, public_id)
        if holding is None:
            raise self._refuse_data_set(public_id)
        return holding

    def _refuse_data_set(self, public_id: str) -> DataSetError:
        self._log_refusal("data set", public_id)
        return DataSetError(
            _("There is no such data set."),
            found=ascii(public_id)[:60],
            remedy=_("Load the images again; it may have been removed."),
        )

    def is_empty(self) -> bool:
        """Whether nothing belongs to the workspace."""
        held = self.workspaces.list_held(self.workspace)
        return not (held or self.list_all_runs() or self.list_all_runs(deleted=True))

    def take_in(self, data_id: str) -> None:
        """Let the workspace hold a data set that it read in, with those it was made from.

        Raises:
            WorkspaceError: If it was removed meanwhile, or the workspace was emptied.
        """
        for each in add_ancestors(self.home, [data_id]):
            self.workspaces.hold(self.workspace, each)

    def list_data_sets(self) -> tuple[dataset.DataSetSummary, ...]:
        """Return the data sets that the workspace holds, the newest first."""
        held = set(self.workspaces.list_held(self.workspace))
        return tuple(each for each in dataset.list_data_sets(self.home) if each.id in held)

    def find_public_id(self, data_id: str) -> str | None:
        """Return the id of a data set for addresses; None if the workspace does not hold it."""
        return self.workspaces.find_public_id(self.workspace, data_id)

    # ------------------------------------------------------------------ Links

    def share(self, kind: str, targets: Sequence[str]) -> Link:
        """Make a link that lets others look at runs or data sets of the workspace's own.

        Args:
            kind: "run" or "data".
            targets: Ids of runs, or public ids of data sets.

        Raises:
            TransferError: If one of them is not the workspace's own.
        """
        for target in targets:
            if kind == "run":
                self.own_run(target)
            elif not self.find_data_set(target).is_own:
                raise self._refuse_data_set(target)
        return self.workspaces.links.share(self.workspace, kind, targets)

    def _log_refusal(self, what: str, asked: str) -> None:
        shown = ascii(asked)[:60]
        _LOG.warning("workspace %s is refused the %s %s", self.workspace.id[:8], what, shown)


@cache
def _open_runs(home: Path) -> RunStore:
    return RunStore(home)


def add_ancestors(home: Path, data_ids: Collection[str]) -> set[str]:
    """Data sets with those that they were made from, whose images they share."""
    return {*data_ids, *(v.parent for each in data_ids for v in dataset.list_versions(home, each))}


def adopt_strays(home: Path) -> None:
    """Let this computer hold what is older than workspaces: data sets that nobody has or needs.

    What somebody else has deleted may still be there, because a version or a run needs it.
    """
    workspaces = open_workspaces(home)
    held = workspaces.list_held_by_all()
    strays = {each.id for each in dataset.list_data_sets(home)} - held
    if not strays:
        return
    others = workspaces.list_others(workspaces.this_computer)
    runs = (*_open_runs(home).list_all(), *_open_runs(home).list_all(deleted=True))
    used = {run.config.data_id for run in runs if isinstance(run, RunRecord) if run.owner in others}
    for data_id in strays - add_ancestors(home, held | used):
        workspaces.hold(workspaces.this_computer, data_id)


def hold_for_this_computer(home: Path, data_set: dataset.DataSet) -> dataset.DataSet:
    """Let this computer hold what the command line or a notebook read in; return it."""
    workspaces = open_workspaces(home)
    workspaces.hold(workspaces.this_computer, data_set.id)
    return data_set
