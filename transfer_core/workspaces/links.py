"""Links that let whoever has one look at something of a workspace, until it is withdrawn."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transfer_core.workspaces.database import connect, write

WITHDRAWN = "withdrawn"  # kind of a link that was withdrawn


@dataclass(frozen=True, slots=True)
class Workspace:
    """What belongs to one browser, or to whoever works on the computer itself."""

    id: str  # hash of its secret; also the owner of its runs
    is_this_computer: bool = False  # has what the command line made, and what has no owner


@dataclass(frozen=True, slots=True)
class Link:
    """A link that lets whoever has it look at something, until it is withdrawn."""

    token: str
    kind: str  # "data" or "run"
    targets: tuple[str, ...]  # public ids of data sets, or ids of runs


class LinkStore:
    """The links of all workspaces under one data folder.

    Args:
        path: The database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def share(self, workspace: Workspace, kind: str, targets: Sequence[str]) -> Link:
        """Make a link that lets others look at data sets or runs of a workspace.

        The caller has checked that they are its own.
        """
        token, now = secrets.token_urlsafe(16), time.time()
        rows = [(token, target, kind, workspace.id, now) for target in targets]
        with write(self._path) as connection:
            connection.executemany("INSERT INTO links VALUES (?, ?, ?, ?, ?)", rows)
        return Link(token, kind, tuple(targets))

    def list(self, workspace: Workspace, targets: Sequence[str]) -> tuple[Link, ...]:
        """Return a workspace's links to exactly these targets, the oldest first."""
        query = (
            "SELECT token, kind, target FROM links WHERE workspace = ? AND kind != ? "
            "ORDER BY created, rowid"
        )
        links: dict[str, Link] = {}
        with connect(self._path) as connection:
            for token, kind, target in connection.execute(query, [workspace.id, WITHDRAWN]):
                known = links[token].targets if token in links else ()
                links[token] = Link(token, kind, (*known, target))
        return tuple(link for link in links.values() if link.targets == tuple(targets))

    def withdraw(self, workspace: Workspace, token: str) -> None:
        """End a link of a workspace; whoever came by it is told so, and sees nothing more."""
        query = "UPDATE links SET kind = ? WHERE token = ? AND workspace = ?"
        with write(self._path) as connection:
            connection.execute(query, [WITHDRAWN, token, workspace.id])

    def visit(self, workspace: Workspace, token: str) -> Link | None:
        """Let a workspace look at what a link shows; None if the link does not exist."""
        query = "SELECT kind, target FROM links WHERE token = ? AND kind != ? ORDER BY rowid"
        with write(self._path) as connection:
            rows = connection.execute(query, [token, WITHDRAWN]).fetchall()
            if not rows:
                return None
            connection.execute("INSERT OR IGNORE INTO visits VALUES (?, ?)", [token, workspace.id])
        return Link(token, rows[0][0], tuple(row[1] for row in rows))

    def was_shown(self, workspace: Workspace, kind: str, target: str) -> bool:
        """Whether a workspace came by a link of this kind to this target."""
        query = (
            "SELECT 1 FROM links JOIN visits USING (token) "
            "WHERE target = ? AND kind = ? AND visits.workspace = ?"
        )
        with connect(self._path) as connection:
            return connection.execute(query, [target, kind, workspace.id]).fetchone() is not None
