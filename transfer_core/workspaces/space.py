"""How much of the disk a workspace may take, and how much it takes."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from transfer_core.errors import NetworkError, WorkspaceError
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork
from transfer_core.runs import UNFINISHED_STATES, RunRecord
from transfer_core.system import read_limit
from transfer_core.workspaces.belongings import Belongings
from transfer_core.workspaces.clearing import release_data_set

LIMIT_VARIABLE = "TRANSFER_WORKSPACE_MB"
USUAL_MEGABYTES = 20 * 1024
MEGABYTE = 1024**2


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes that a workspace takes, and those that it may take."""

    used: int
    limit: int


def measure_space(belongings: Belongings) -> Space | None:
    """Measure what a workspace holds; None for that of this computer, which has no limit.

    Images that others hold too count whole, for they stay when the others go.
    """
    if belongings.workspace.is_this_computer:
        return None
    limit = read_limit(LIMIT_VARIABLE, USUAL_MEGABYTES) * MEGABYTE
    return Space(_sum_bytes(_list_folders(belongings)), limit)


def check_space(belongings: Belongings, more: int = 0) -> None:
    """Refuse what would take a workspace beyond its limit.

    Args:
        belongings: Of the workspace.
        more: Bytes that are about to come.

    Raises:
        WorkspaceError: If they have no room.
    """
    space = measure_space(belongings)
    if space and space.used + more > space.limit:
        raise WorkspaceError(
            _("Your workspace has no room for this."),
            found=_(
                "{used:,.0f} of {limit:,.0f} MB are taken",
                used=space.used / MEGABYTE,
                limit=space.limit / MEGABYTE,
            ),
            remedy=_("Delete images on Data, or runs on Runs for good."),
        )


def check_room_for_run(belongings: Belongings, source: SourceNetwork) -> None:
    """Refuse a run whose weights have no room beside those that runs before it will still write.

    Args:
        belongings: Of the workspace.
        source: The network that it trains.

    Raises:
        WorkspaceError: If they have no room.
    """
    expected = source.weight_bytes
    for run in belongings.list_runs(UNFINISHED_STATES):
        with suppress(NetworkError):  # it will fail
            there = _sum_bytes([belongings.home / "runs" / run.id])
            expected += max(0, run.config.source().weight_bytes - there)
    check_space(belongings, expected)


def take_in_if_room(belongings: Belongings, data_id: str) -> None:
    """Let a workspace hold a data set that it read in or made, or remove it if it has no room.

    Raises:
        WorkspaceError: If it has no room, was removed meanwhile, or the workspace was emptied.
    """
    is_new = belongings.find_public_id(data_id) is None
    belongings.take_in(data_id)
    try:
        if is_new:
            check_space(belongings)
    except WorkspaceError:
        release_data_set(belongings, data_id)
        raise


def _list_folders(belongings: Belongings) -> set[Path]:
    """The folders of a workspace's data sets and runs, also of what its runs still need."""
    runs = (*belongings.list_all_runs(), *belongings.list_all_runs(deleted=True))
    data_ids = set(belongings.workspaces.list_held(belongings.workspace))
    data_ids |= {run.config.data_id for run in runs if isinstance(run, RunRecord)}
    home = belongings.home
    return {home / "runs" / run.id for run in runs} | {home / "data" / each for each in data_ids}


def _sum_bytes(folders: Iterable[Path]) -> int:
    """Bytes of all files below some folders; versions of a data set share some of theirs."""
    sizes = {}
    for folder in folders:
        for parent, __, names in os.walk(folder):
            for name in names:
                try:
                    found = os.lstat(os.path.join(parent, name))
                except OSError:  # removed meanwhile
                    continue
                sizes[found.st_dev, found.st_ino] = found.st_size
    return sum(sizes.values())
