"""The database of the workspaces: its tables, and how it is read and written."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from transfer_core.errors import WorkspaceError
from transfer_core.languages import _
from transfer_core.system import require_known_version

# Version of the tables below, stored as SQLite's user_version.
SCHEMA_VERSION = 2

_MEMBERS = """
CREATE TABLE members (
    class TEXT NOT NULL REFERENCES classes ON DELETE CASCADE,
    workspace TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    nickname TEXT NOT NULL,
    joined REAL NOT NULL,
    left_at REAL,
    PRIMARY KEY (class, workspace)
) WITHOUT ROWID;
"""

_GUESSES = """
CREATE TABLE guesses (
    class TEXT NOT NULL,
    workspace TEXT NOT NULL,
    task REAL NOT NULL,  -- when it was given
    guess REAL NOT NULL,
    guessed REAL NOT NULL,
    ended REAL,  -- when the next task was given
    PRIMARY KEY (class, workspace, task),
    FOREIGN KEY (class, workspace) REFERENCES members ON DELETE CASCADE
) WITHOUT ROWID;
"""

_TABLES = f"""
CREATE TABLE workspaces (
    id TEXT PRIMARY KEY, created REAL NOT NULL, seen REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE holdings (
    public_id TEXT PRIMARY KEY,
    workspace TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    data_id TEXT NOT NULL,
    created REAL NOT NULL,
    UNIQUE (workspace, data_id)
);
CREATE INDEX holdings_by_data ON holdings (data_id);
CREATE TABLE links (
    token TEXT NOT NULL,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    workspace TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    created REAL NOT NULL,
    PRIMARY KEY (token, target)
);
CREATE INDEX links_by_target ON links (target);
CREATE TABLE visits (
    token TEXT NOT NULL,
    workspace TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    PRIMARY KEY (token, workspace)
) WITHOUT ROWID;
CREATE TABLE classes (
    id TEXT PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    teacher TEXT NOT NULL,  -- a workspace; the class outlives it, until it is deleted in time
    created REAL NOT NULL,
    closed REAL,
    delete_after_days INTEGER NOT NULL,
    names_hidden INTEGER NOT NULL,
    task TEXT  -- JSON
) WITHOUT ROWID;
{_MEMBERS}CREATE INDEX members_by_workspace ON members (workspace);
{_GUESSES}"""

_MIGRATIONS = {  # statements that turn the tables of a version into those of the next
    # A member had one guess, which the guess for the next task took the place of.
    1: f"""
ALTER TABLE members RENAME TO old_members;
{_MEMBERS}INSERT INTO members SELECT class, workspace, nickname, joined, left_at FROM old_members;
{_GUESSES}INSERT INTO guesses SELECT
    class, workspace, MIN(guessed, given), guess, guessed, IIF(guessed < given, given, NULL)
FROM (
    SELECT old_members.*, COALESCE(json_extract(classes.task, '$.given'), guessed) AS given
    FROM old_members JOIN classes ON classes.id = class WHERE guess IS NOT NULL
);
DROP TABLE old_members;
CREATE INDEX members_by_workspace ON members (workspace);
""",
}


def create_tables(path: Path) -> None:
    """Create the tables, or change those of an older version; one process at a time.

    Raises:
        WorkspaceError: If a newer version of this program made them.
    """
    with connect(path) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        require_known_version(path, version, SCHEMA_VERSION, WorkspaceError)
        if version == 0:
            connection.execute("PRAGMA journal_mode = WAL")  # readers never wait for the writer
            statements = f"BEGIN; {_TABLES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            connection.executescript(statements)
        for number in range(version, SCHEMA_VERSION) if version else ():
            statements = f"BEGIN; {_MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
            connection.executescript(statements)  # all or nothing


@contextmanager
def connect(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for reading, which never waits for a writer.

    Raises:
        WorkspaceError: If the file is damaged or lacks a table, or the disk is full.
    """
    try:
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        if str(error).startswith("no such"):  # table or column
            raise WorkspaceError(
                _("An unfinished version of Transfer Lab made this data folder."),
                found=f"{path.parent.name}/{path.name}: {error}",
                remedy=_(
                    "Set TRANSFER_HOME to another folder, or move {file} out of this one: its "
                    "images and runs stay, and belong to this computer then.",
                    file=path.name,
                ),
            ) from error
        raise WorkspaceError(
            _("The database of the workspaces cannot be used."),
            found=f"{path.name}: {error}",
            remedy=_("Make space on the disk, or put a copy of the file back in its place."),
        ) from error


@contextmanager
def write(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction that holds the write lock from its start; an error undoes it."""
    with connect(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            yield connection
