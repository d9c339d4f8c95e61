"""The store of classes: a teacher opens one, students join it by a code and a nickname.

A class belongs to the workspace that opened it. Of a student it knows the workspace's id, the
nickname and guesses, and nothing else.
"""

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from transfer_core.errors import WorkspaceError
from transfer_core.languages import _
from transfer_core.workspaces.classes.records import (
    DAYS_KEPT,
    MAX_DAYS_KEPT,
    MAX_MEMBERS,
    Class,
    Guess,
    Member,
    Task,
    clean_name,
    make_code,
)
from transfer_core.workspaces.classes.throttle import Throttle
from transfer_core.workspaces.database import connect, write
from transfer_core.workspaces.links import Workspace
from transfer_core.workspaces.store import open_workspaces

_CLASS_FIELDS = ", ".join(Class.__dataclass_fields__)
_MEMBER_FIELDS = "class, workspace, nickname, joined, left_at"
_GUESS_FIELDS = ", ".join(Guess.__dataclass_fields__)


class ClassStore:
    """The classes under one data folder.

    Args:
        home: The data folder.
    """

    def __init__(self, home: Path) -> None:
        open_workspaces(home)  # makes the tables
        self._path, self._tries = home / "workspaces.db", Throttle()

    # ------------------------------------------------------------------ The teacher's

    def open(self, teacher: Workspace, name: str, delete_after_days: int = DAYS_KEPT) -> Class:
        """Open a class; whoever asks has shown the teacher's password.

        Args:
            teacher: The workspace that the class belongs to.
            name: For people.
            delete_after_days: From closing it until what was made in it is deleted.

        Raises:
            WorkspaceError: If the number of days is out of bounds.
        """
        if not 1 <= delete_after_days <= MAX_DAYS_KEPT:
            raise WorkspaceError(
                _("A class is kept for a number of days."),
                found=str(delete_after_days),
                remedy=_("Choose 1 to {days}.", days=MAX_DAYS_KEPT),
            )
        name = clean_name(name) or _("Class")
        while True:
            values = (secrets.token_hex(8), make_code(), name, teacher.id, time.time())
            try:
                with write(self._path) as connection:
                    connection.execute(
                        f"INSERT INTO classes ({_CLASS_FIELDS}) "  # noqa: S608 - own names
                        "VALUES (?, ?, ?, ?, ?, NULL, ?, 0, NULL)",
                        [*values, delete_after_days],
                    )
            except sqlite3.IntegrityError:
                continue  # the code is taken
            return self.get_taught(teacher, values[0])

    def list_taught(self, teacher: Workspace) -> tuple[Class, ...]:
        """Return the classes that a workspace has opened, the newest first."""
        return self._select("WHERE teacher = ? ORDER BY created DESC", [teacher.id])

    def get_taught(self, teacher: Workspace, class_id: str) -> Class:
        """Return a class that the workspace has opened.

        Raises:
            WorkspaceError: For any other; the answer for that of somebody else is that for none.
        """
        found = self._select("WHERE id = ? AND teacher = ?", [class_id, teacher.id])
        if not found:
            raise _make_unknown_class_error()
        return found[0]

    def hide_names(self, teacher: Workspace, class_id: str, hidden: bool) -> None:
        """Show numbers in place of nicknames on the board, or nicknames again."""
        self._change(teacher, class_id, "names_hidden = ?", hidden)

    def close(self, teacher: Workspace, class_id: str) -> None:
        """Close a class: nobody joins it, and what is made from now on is not part of it."""
        self._change(teacher, class_id, "closed = COALESCE(closed, ?)", time.time())

    def set_task(self, teacher: Workspace, class_id: str, task: Task | None) -> None:
        """Hand a task to all, in place of the one before; its link exists already."""
        text = None if task is None else json.dumps(asdict(task))
        end = "UPDATE guesses SET ended = COALESCE(ended, ?) WHERE class = ?"
        now = time.time() if task is None else task.given
        self._change(teacher, class_id, "task = ?", text, (end, [now, class_id]))

    def _change(
        self, teacher: Workspace, class_id: str, change: str, value: object, *also: tuple[str, list]
    ) -> None:
        statement = f"UPDATE classes SET {change} WHERE id = ? AND teacher = ?"  # noqa: S608
        with write(self._path) as connection:
            if not connection.execute(statement, [value, class_id, teacher.id]).rowcount:
                raise _make_unknown_class_error()
            for other, values in also:
                connection.execute(other, values)

    def list_members(self, class_id: str) -> tuple[Member, ...]:
        """Return who has joined a class and not left it for good, in the order of joining."""
        return self._select_members("WHERE class = ? ORDER BY joined, workspace", [class_id])

    # ------------------------------------------------------------------ The students'

    def join(
        self, workspace: Workspace, code: str, nickname: str, address: str | None = None
    ) -> Class:
        """Let a workspace join an open class; one that it was in before ends for it.

        Args:
            workspace: Who joins.
            code: Of the class.
            nickname: In the class.
            address: Of the network, from which wrong codes are counted; it is not kept.

        Raises:
            WorkspaceError: If there is no open class with this code, it was tried too often, the
                nickname is empty or taken, or the class is full.
        """
        nickname = clean_name(nickname)
        if not nickname:
            raise WorkspaceError(
                _("You need a nickname."), found=_("none"), remedy=_("Make one up.")
            )
        found = self._tries.attempt(workspace.id, lambda: self._find_open(code), address)
        if found is None:
            raise WorkspaceError(
                _("There is no open class with this code."),
                found=ascii(clean_name(code)),
                remedy=_("Look at the code again, or ask your teacher."),
            )
        with write(self._path) as connection:
            others = connection.execute(
                "SELECT nickname FROM members WHERE class = ? AND workspace <> ?",
                [found.id, workspace.id],
            ).fetchall()
            _check_room(nickname, [row[0] for row in others])
            now = time.time()
            connection.execute(
                "UPDATE members SET left_at = COALESCE(left_at, ?) "
                "WHERE workspace = ? AND class <> ?",
                [now, workspace.id, found.id],
            )
            connection.execute(
                f"INSERT INTO members ({_MEMBER_FIELDS}) "  # noqa: S608 - own names
                "VALUES (?, ?, ?, ?, NULL) ON CONFLICT (class, workspace) "
                "DO UPDATE SET nickname = excluded.nickname, left_at = NULL",
                [found.id, workspace.id, nickname, now],
            )
        return found

    def find_joined(self, workspace: Workspace) -> tuple[Class, Member] | None:
        """Return the class that a workspace is in, also after it was closed; None without one."""
        joined = (each for each in self.list_joined(workspace) if each[1].left is None)
        return next(joined, None)

    def list_joined(self, workspace: Workspace) -> tuple[tuple[Class, Member], ...]:
        """Return every class that a workspace has ever joined and that is still kept."""
        members = self._select_members("WHERE workspace = ?", [workspace.id])
        found = [(self._select("WHERE id = ?", [each.class_id]), each) for each in members]
        return tuple((kept[0], each) for kept, each in found if kept)  # deleted in between

    def keep_guess(self, workspace: Workspace, class_id: str, guess: float) -> None:
        """Keep what a student guesses for the test accuracy of the task, in [0, 1].

        The first guess for a task stays; without a task or a member nothing is kept.
        """
        with write(self._path) as connection:
            connection.execute(
                "INSERT OR IGNORE INTO guesses "
                "SELECT class, workspace, json_extract(classes.task, '$.given'), ?, ?, NULL "
                "FROM members JOIN classes ON classes.id = class "
                "WHERE class = ? AND workspace = ? AND classes.task IS NOT NULL",
                [min(max(float(guess), 0.0), 1.0), time.time(), class_id, workspace.id],
            )

    def list_guesses(self, class_id: str) -> tuple[Guess, ...]:
        """Return what the members of a class have guessed for its tasks."""
        query = f"SELECT {_GUESS_FIELDS} FROM guesses WHERE class = ?"  # noqa: S608 - own names
        with connect(self._path) as connection:
            return tuple(Guess(*row) for row in connection.execute(query, [class_id]))

    def _find_open(self, code: str) -> Class | None:
        code = "".join(each for each in code.upper() if each.isalnum())
        found = self._select("WHERE code = ? AND closed IS NULL", [code])
        return found[0] if found else None

    # ------------------------------------------------------------------ The end

    def list_all(self) -> tuple[Class, ...]:
        """Return every class."""
        return self._select("ORDER BY created", [])

    def close_unused(self, class_id: str, when: float) -> None:
        """Close a class that nobody uses any more."""
        with write(self._path) as connection:
            connection.execute(
                "UPDATE classes SET closed = COALESCE(closed, ?) WHERE id = ?", [when, class_id]
            )

    def forget_member(self, class_id: str, workspace_id: str) -> None:
        """Forget that a workspace was in a class, with its nickname and guesses."""
        with write(self._path) as connection:
            connection.execute(
                "DELETE FROM members WHERE class = ? AND workspace = ?", [class_id, workspace_id]
            )

    def forget(self, class_id: str) -> None:
        """Forget a class with all who were in it; what they made is deleted before."""
        with write(self._path) as connection:
            connection.execute("DELETE FROM classes WHERE id = ?", [class_id])

    # ------------------------------------------------------------------ The database

    def _select(self, condition: str, values: Iterable[object]) -> tuple[Class, ...]:
        query = f"SELECT {_CLASS_FIELDS} FROM classes {condition}"  # noqa: S608 - own names
        with connect(self._path) as connection:
            rows = connection.execute(query, [*values]).fetchall()
        return tuple(
            Class(*row[:-2], bool(row[-2]), Task(**json.loads(row[-1])) if row[-1] else None)
            for row in rows
        )

    def _select_members(self, condition: str, values: Iterable[object]) -> tuple[Member, ...]:
        query = f"SELECT {_MEMBER_FIELDS} FROM members {condition}"  # noqa: S608 - own names
        with connect(self._path) as connection:
            return tuple(Member(*row) for row in connection.execute(query, [*values]))


@cache
def open_classes(home: Path) -> ClassStore:
    """The classes of a data folder, opened once a process."""
    return ClassStore(home)


def _check_room(nickname: str, others: list[str]) -> None:
    if len(others) >= MAX_MEMBERS:
        raise WorkspaceError(
            _("This class is full."),
            found=str(len(others)),
            remedy=_("Ask your teacher to open another one."),
        )
    if nickname.casefold() in {other.casefold() for other in others}:
        raise WorkspaceError(
            _("Somebody else in the class has this nickname."),
            found=nickname,
            remedy=_("Choose another one."),
        )


def _make_unknown_class_error() -> WorkspaceError:
    return WorkspaceError(
        _("There is no such class."),
        found=_("a class that is not yours, or that was deleted"),
        remedy=_("Load this page again."),
    )
