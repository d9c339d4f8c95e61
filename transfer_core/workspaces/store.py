"""The store of workspaces: who holds which data set, and what is shared by which link.

A workspace is known by a secret that its browser keeps; the store has the secret's hash alone. A
data set lies once on the disk, whoever reads it in. What a workspace may see is what it holds,
under a random id of its own, so that nobody learns an id from the content. A run has one owner,
which its record names.
"""

import hashlib
import os
import secrets
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from filelock import FileLock

from transfer_core.errors import WorkspaceError
from transfer_core.languages import _
from transfer_core.system import UNFINISHED_SUFFIX, flush_to_disk
from transfer_core.workspaces.database import connect, create_tables, write
from transfer_core.workspaces.links import LinkStore, Workspace

SEEN_SECONDS = 3600.0  # between two notes of when a workspace was last seen
SECRET_FILE = "this_computer.secret"  # noqa: S105 - a file's name


@dataclass(frozen=True, slots=True)
class Holding:
    """A data set that a workspace holds, or may look at."""

    public_id: str  # random, for addresses
    data_id: str
    is_own: bool  # else it is shared, to look at only


class WorkspaceStore:
    """The workspaces under one data folder; threads and processes may share it.

    Args:
        home: The data folder; the database is `workspaces.db` in it.

    Raises:
        WorkspaceError: If a newer version of this program made the database.
    """

    def __init__(self, home: Path) -> None:
        self._home, self._path = home, home / "workspaces.db"
        self.links = LinkStore(self._path)
        with FileLock(self._path.with_name("workspaces.db.lock")):
            create_tables(self._path)
            if not (home / SECRET_FILE).is_file():
                _write_secret(home / SECRET_FILE)
        self._this_computer = _hash_secret(self.read_own_secret())
        self._add(self._this_computer)

    # ------------------------------------------------------------------ Workspaces

    def read_own_secret(self) -> str:
        """The secret of the workspace of this computer, which its owner can read on the disk."""
        return (self._home / SECRET_FILE).read_text(encoding="utf-8")

    @property
    def this_computer(self) -> Workspace:
        """The workspace of whoever works on the computer itself."""
        return Workspace(self._this_computer, is_this_computer=True)

    def create(self) -> str:
        """Make a workspace and return its secret, which is stored nowhere."""
        secret = secrets.token_urlsafe(32)
        self._add(_hash_secret(secret))
        return secret

    def find(self, secret: str | None) -> Workspace | None:
        """Return the workspace with this secret; None if there is none."""
        if not secret:
            return None
        known, now = _hash_secret(secret), time.time()
        if (seen := self._find_last_seen(known)) is None:
            return None
        if now - seen > SEEN_SECONDS:
            with suppress(WorkspaceError), write(self._path) as connection:
                connection.execute("UPDATE workspaces SET seen = ? WHERE id = ?", [now, known])
        return Workspace(known, known == self._this_computer)

    def remove(self, workspace: Workspace) -> None:
        """Forget a workspace with its holdings and links; that of this computer stays, empty."""
        with write(self._path) as connection:
            connection.execute("DELETE FROM workspaces WHERE id = ?", [workspace.id])
        if workspace.is_this_computer:
            self._add(workspace.id)

    def remove_unused(self, seen_before: float, owners: Collection[str]) -> int:
        """Forget workspaces that nobody has seen for long and that have nothing; returns how many.

        Args:
            seen_before: In seconds since 1970.
            owners: Of runs; their workspaces stay.
        """
        having = " UNION ALL ".join(
            f"SELECT 1 FROM {table} WHERE {table}.{name} = workspaces.id"  # noqa: S608 - own names
            for table, name in _HAVING.items()
        )
        query = f"SELECT id FROM workspaces WHERE seen < ? AND NOT EXISTS ({having})"  # noqa: S608
        with write(self._path) as connection:
            found = {row[0] for row in connection.execute(query, [seen_before])}
            gone = found - {self._this_computer, *owners}
            connection.executemany("DELETE FROM workspaces WHERE id = ?", [[each] for each in gone])
        return len(gone)

    def owns(self, workspace: Workspace, owner: str) -> bool:
        """Whether a run of this owner is the workspace's own.

        What names no workspace as its owner belongs to this computer: runs of the command line,
        and runs from before there were workspaces.
        """
        if owner == workspace.id:
            return True
        return workspace.is_this_computer and self._find_last_seen(owner) is None

    def list_others(self, workspace: Workspace) -> frozenset[str]:
        """Return the ids of all other workspaces."""
        query = "SELECT id FROM workspaces WHERE id <> ?"
        with connect(self._path) as connection:
            return frozenset(row[0] for row in connection.execute(query, [workspace.id]))

    # ------------------------------------------------------------------ Holdings

    def hold(self, workspace: Workspace, data_id: str) -> str:
        """Let a workspace hold a data set; return its public id.

        Raises:
            WorkspaceError: If the workspace was emptied, or the data set is gone.
        """
        with write(self._path) as connection:  # nobody removes the files meanwhile
            if not (self._home / "data" / data_id).is_dir():
                raise WorkspaceError(
                    _("These images were removed meanwhile."),
                    found=_("a data set without its files"),
                    remedy=_("Load the images again."),
                )
            row = data_id, workspace.id
            if found := connection.execute(_FIND_PUBLIC_ID, row).fetchone():
                return found[0]
            public_id = make_public_id(data_id)
            try:
                connection.execute(
                    "INSERT INTO holdings VALUES (?, ?, ?, ?)",
                    [public_id, workspace.id, data_id, time.time()],
                )
            except sqlite3.IntegrityError as error:
                raise WorkspaceError(
                    _("This workspace was emptied meanwhile."),
                    found=_("data of a workspace that is gone"),
                    remedy=_("Load this page again."),
                ) from error
        return public_id

    def list_held_by_all(self) -> frozenset[str]:
        """Return the ids of the data sets that anybody holds."""
        with connect(self._path) as connection:
            return frozenset(row[0] for row in connection.execute("SELECT data_id FROM holdings"))

    def find_holding(self, workspace: Workspace, public_id: str) -> Holding | None:
        """Return what a workspace holds, or may look at, under an id of an address.

        An id of somebody else gives the same answer as one that does not exist.
        """
        query = "SELECT data_id, workspace FROM holdings WHERE public_id = ?"
        with connect(self._path) as connection:
            row = connection.execute(query, [public_id]).fetchone()
        if row is None:
            return None
        is_own = row[1] == workspace.id
        if is_own or self.links.was_shown(workspace, "data", public_id):
            return Holding(public_id, row[0], is_own)
        return None

    def find_public_id(self, workspace: Workspace, data_id: str) -> str | None:
        """Return the id under which a workspace holds a data set; None if it does not."""
        with connect(self._path) as connection:
            row = connection.execute(_FIND_PUBLIC_ID, [data_id, workspace.id]).fetchone()
        return row and row[0]

    def list_held(self, workspace: Workspace) -> tuple[str, ...]:
        """Return the ids of the data sets that a workspace holds."""
        query = "SELECT data_id FROM holdings WHERE workspace = ?"
        with connect(self._path) as connection:
            return tuple(row[0] for row in connection.execute(query, [workspace.id]))

    def list_held_since(self, workspace: Workspace) -> tuple[tuple[str, float], ...]:
        """Return the ids of the data sets that a workspace holds, each with the time it took it."""
        query = "SELECT data_id, created FROM holdings WHERE workspace = ?"
        with connect(self._path) as connection:
            return tuple(connection.execute(query, [workspace.id]))

    def release(self, workspace: Workspace, data_id: str) -> None:
        """Let a workspace no longer hold a data set; links to it end."""
        with write(self._path) as connection:
            row = connection.execute(_FIND_PUBLIC_ID, [data_id, workspace.id]).fetchone()
            if row:
                connection.execute("DELETE FROM links WHERE target = ?", row)
                connection.execute("DELETE FROM holdings WHERE public_id = ?", row)

    @contextmanager
    def keep_others_out(self) -> Iterator[frozenset[str]]:
        """The ids of all data sets that anybody holds; nobody can take hold of more meanwhile."""
        with write(self._path) as connection:
            yield frozenset(row[0] for row in connection.execute("SELECT data_id FROM holdings"))

    # ------------------------------------------------------------------ The database

    def _find_last_seen(self, workspace_id: str) -> float | None:
        """When a workspace was last seen, in seconds since 1970; None if there is none."""
        query = "SELECT seen FROM workspaces WHERE id = ?"
        with connect(self._path) as connection:
            row = connection.execute(query, [workspace_id]).fetchone()
        return row and row[0]

    def _add(self, workspace_id: str) -> None:
        now = time.time()
        with write(self._path) as connection:
            connection.execute(
                "INSERT OR IGNORE INTO workspaces VALUES (?, ?, ?)", [workspace_id, now, now]
            )


# Tables, by whose rows a workspace has something, with the column that names it.
_HAVING = {
    "holdings": "workspace",
    "links": "workspace",
    "visits": "workspace",
    "members": "workspace",
    "classes": "teacher",
}
_FIND_PUBLIC_ID = "SELECT public_id FROM holdings WHERE data_id = ? AND workspace = ?"


@cache
def open_workspaces(home: Path) -> WorkspaceStore:
    """The store of a data folder, opened once a process."""
    return WorkspaceStore(home)


def make_public_id(_data_id: str) -> str:
    """A random id that nobody can guess; nothing of the content is in it."""
    return secrets.token_hex(8)


def _write_secret(path: Path) -> None:
    """Write a new secret that no other user of the computer can read."""
    part = path.with_name(f"{path.name}{UNFINISHED_SUFFIX}")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(32))
    flush_to_disk(part)
    part.replace(path)


def _hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:32]
