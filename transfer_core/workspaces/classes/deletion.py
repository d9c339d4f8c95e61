"""The end of a class: what was made in it is deleted, at a student's wish or when its time is over.

What a member made before joining, after leaving, or after the class was closed is no part of it.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from transfer_core.errors import TransferError
from transfer_core.runs import Engine, list_run_heads
from transfer_core.workspaces.belongings import Belongings
from transfer_core.workspaces.classes.board import is_of_class
from transfer_core.workspaces.classes.records import Class, Member
from transfer_core.workspaces.classes.store import open_classes
from transfer_core.workspaces.classes.tasks import withdraw_task
from transfer_core.workspaces.clearing import release_data_set, remove_runs
from transfer_core.workspaces.links import Workspace

_DAY = 24 * 3600.0
_LOG = logging.getLogger(__name__)


def leave_class(student: Belongings, engine: Engine, class_id: str) -> None:
    """Let a student leave a class; what was made in it is deleted, and the nickname forgotten.

    A failure in between leaves the rest in place, for another try.

    Raises:
        WorkspaceError: If a run does not end, or its files cannot be removed.
        DataSetError: If the disk does not let files be removed.
    """
    for class_, member in open_classes(student.home).list_joined(student.workspace):
        if class_.id == class_id:
            _delete_work(student, engine, class_, member)
            open_classes(student.home).forget_member(class_.id, member.workspace)


def delete_class(home: Path, engine: Engine, class_: Class) -> None:
    """Delete what was made in a class, and the class.

    Raises:
        WorkspaceError, DataSetError: As for `leave_class`.
    """
    classes = open_classes(home)
    for member in classes.list_members(class_.id):
        student = Belongings(home, _find_workspace(home, member.workspace))
        leave_class(student, engine, class_.id)
    withdraw_task(Belongings(home, _find_workspace(home, class_.teacher)), class_)
    classes.forget(class_.id)


def sweep_classes(home: Path, get_engine: Callable[[], Engine], now: float) -> tuple[str, ...]:
    """Delete the classes whose time is over; close those that nobody has used for as long.

    Args:
        home: The data folder.
        get_engine: Gives the engine of this data folder; it is asked for only if it is needed.
        now: Seconds since 1970.

    Returns:
        The ids of the deleted classes. One that cannot be deleted is left for the next time.
    """
    classes, deleted = open_classes(home), []
    for class_ in classes.list_all():
        if class_.closed is None:
            if now > _find_last_use(home, class_) + class_.delete_after_days * _DAY:
                classes.close_unused(class_.id, now)
        elif now >= class_.deleted_at:
            try:
                delete_class(home, get_engine(), class_)
                deleted.append(class_.id)
            except TransferError:
                _LOG.exception("the class %s cannot be deleted; trying again", class_.id)
    return tuple(deleted)


def _find_last_use(home: Path, class_: Class) -> float:
    members = open_classes(home).list_members(class_.id)
    runs = Belongings(home, Workspace(class_.teacher)).runs
    heads = list_run_heads(runs, [member.workspace for member in members])
    joined = [member.joined for member in members]
    return max(class_.created, *joined, *(head.created for head in heads), 0.0)


def _delete_work(student: Belongings, engine: Engine, class_: Class, member: Member) -> None:
    heads = list_run_heads(student.runs, [member.workspace])
    remove_runs(student, engine, {run.id for run in heads if is_of_class(run, member, class_)})
    kept = (*student.list_runs(), *student.list_all_runs(deleted=True))
    needed = {run.config.data_id for run in kept if hasattr(run, "config")}
    ends = [each for each in (member.left, class_.closed) if each is not None]
    for data_id, held_since in student.workspaces.list_held_since(student.workspace):
        is_made_here = member.joined <= held_since and all(held_since <= end for end in ends)
        if is_made_here and data_id not in needed:
            release_data_set(student, data_id)


def _find_workspace(home: Path, workspace_id: str) -> Workspace:
    """The workspace with an id."""
    this_computer = Belongings(home, Workspace(workspace_id)).workspaces.this_computer
    return this_computer if this_computer.id == workspace_id else Workspace(workspace_id)
