"""Hand a data set and a way to train to a class, and take them."""

import time

from transfer_core.errors import WorkspaceError
from transfer_core.languages import _
from transfer_core.workspaces.belongings import Belongings
from transfer_core.workspaces.classes.records import Class, Task
from transfer_core.workspaces.classes.store import open_classes
from transfer_core.workspaces.links import Workspace


def hand_out(
    teacher: Belongings, class_id: str, data_id: str, name: str, network: str, option: str | None
) -> None:
    """Hand a data set of the teacher's own to all, in place of what was handed out before.

    Args:
        teacher: Of whoever opened the class.
        class_id: The class.
        data_id: Of the data set in the store.
        name: Of the data set.
        network: Its name.
        option: The way to train, a key of `cases.list_strategies`; None: they decide.

    Raises:
        WorkspaceError: If the class is not the teacher's own.
        DataSetError: If the data set is not.
    """
    class_ = open_classes(teacher.home).get_taught(teacher.workspace, class_id)
    link = teacher.share("data", [teacher.find_public_id(data_id) or ""])
    task = Task(link.token, name, network, option, time.time(), data_id)
    open_classes(teacher.home).set_task(teacher.workspace, class_id, task)
    withdraw_task(teacher, class_)


def take_task(student: Belongings) -> tuple[Task, str]:
    """Let a student hold the data set that was handed out; return the task and the data set's id.

    Raises:
        WorkspaceError: If nothing is handed out to the student any more.
        DataSetError: If the data set is gone.
    """
    joined = open_classes(student.home).find_joined(student.workspace)
    task = joined[0].task if joined and joined[0].closed is None else None
    link = task and student.workspaces.links.visit(student.workspace, task.token)
    if not link:
        raise WorkspaceError(
            _("Your teacher has taken this task back."),
            found=task.name if task else _("no task"),
            remedy=_("Load this page again."),
        )
    data_id = student.find_data_set(link.targets[0]).data_id
    student.take_in(data_id)
    return task, data_id


def close_class(teacher: Belongings, class_id: str) -> None:
    """Close a class: nobody joins it, its task ends, and what is made from now on is no part of it.

    Raises:
        WorkspaceError: If the class is not the teacher's own.
    """
    class_ = open_classes(teacher.home).get_taught(teacher.workspace, class_id)
    open_classes(teacher.home).close(teacher.workspace, class_id)
    withdraw_task(teacher, class_)


def withdraw_task(teacher: Belongings, class_: Class) -> None:
    """End the link of a class's task; who took the data set keeps it."""
    if class_.task:
        teacher.workspaces.links.withdraw(Workspace(class_.teacher), class_.task.token)
