"""The run database: tables, version, and how SQLite is opened."""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock

from transfer_core.errors import RunError
from transfer_core.languages import _
from transfer_core.system import require_known_version

# Version of the tables below, stored as SQLite's user_version. Increase it when a table changes,
# and add the statements that change the older tables to `_MIGRATIONS`. The JSON inside the
# columns has its own version, `config_json.CONFIG_VERSION`.
SCHEMA_VERSION = 3

_METADATA = sa.MetaData()

RUNS = sa.Table(
    "runs",
    _METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),  # order of creation
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("key", sa.Text),  # of the request, so that sending it twice makes one run
    sa.Column("config", sa.Text, nullable=False),  # JSON
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),
    sa.Column("ended", sa.Float),
    sa.Column("error", sa.Text),  # JSON
    sa.Column("result", sa.Text),  # JSON
    sa.Column("engine", sa.Text),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column(
        "turn", sa.Integer, nullable=False, default=0
    ),  # order of starting; 0: never, <0: to front
    sa.Column("resumable", sa.Boolean, nullable=False),
    sa.Column("notes", sa.Text, nullable=False, server_default=""),
    sa.Column("tags", sa.Text, nullable=False, server_default="[]"),  # JSON
    sa.Column("deleted", sa.Float),  # when; its files go a day later
    sa.Column("expectation", sa.Text),  # JSON; NULL if nothing was expected of it
    sa.UniqueConstraint("owner", "key"),
    sa.Index("runs_by_state", "state", "engine"),
    sa.Index("runs_by_owner", "owner", "turn"),
)

EVENTS = sa.Table(
    "events",
    _METADATA,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("values", sa.Text, nullable=False),  # JSON
    sqlite_with_rowid=False,
)

# Expectations and results of runs that were removed for good; nothing else is kept of them.
CHECKS = sa.Table(
    "checks",
    _METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("values", sa.Text, nullable=False),  # JSON
)

_MIGRATIONS = {  # statements that turn the tables of a version into those of the next
    1: (
        "ALTER TABLE runs ADD COLUMN notes TEXT DEFAULT '' NOT NULL",
        "ALTER TABLE runs ADD COLUMN tags TEXT DEFAULT '[]' NOT NULL",
        "ALTER TABLE runs ADD COLUMN deleted FLOAT",
    ),
    2: (
        "ALTER TABLE runs ADD COLUMN expectation TEXT",
        'CREATE TABLE checks (number INTEGER PRIMARY KEY, "values" TEXT NOT NULL)',
    ),
}


def open_database(path: Path) -> sa.Engine:
    """Open the database; create it, or migrate one of an older version.

    A migration leaves a copy of the older database beside it, named after its version.

    A connection with the execution option `writes` takes the write lock when its
    transaction begins, so that what it reads cannot change before it writes.

    Raises:
        RunError: If a newer version of this program made it, or the file is no database;
            the file stays unchanged.
    """
    database = sa.create_engine(f"sqlite:///{path}", pool_size=8, max_overflow=56)
    sa.event.listen(database, "connect", _set_pragmas)
    sa.event.listen(database, "begin", _begin_transaction)
    # SQLite does not wait when two processes switch a new file to WAL at once.
    with FileLock(path.with_name(path.name + ".lock")):
        version = _read_version(path)
        if version == 0:
            _create_tables(path, database)
        elif version < SCHEMA_VERSION:
            _migrate(path, database, version)
    return database


def _create_tables(path: Path, database: sa.Engine) -> None:
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # readers never wait for the writer
    with database.execution_options(writes=True).begin() as connection:
        _METADATA.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _migrate(path: Path, database: sa.Engine, version: int) -> None:
    with (
        closing(sqlite3.connect(path, timeout=60)) as old,
        closing(sqlite3.connect(path.with_name(f"{path.name}.version-{version}"))) as copy,
    ):
        old.backup(copy)
    with database.execution_options(writes=True).begin() as connection:  # all or nothing
        for number in range(version, SCHEMA_VERSION):
            for statement in _MIGRATIONS[number]:
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _read_version(path: Path) -> int:
    """Return the version of the database; 0 if it does not exist yet."""
    if not path.exists():
        return 0
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=60)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.OperationalError:  # the disk, not the file
        raise
    except sqlite3.DatabaseError as error:
        raise RunError(
            _("The database of the runs cannot be read."),
            found=f"{path.name}: {error}",
            remedy=_("Move this file away or put a copy back in its place, then start again."),
        ) from error
    require_known_version(path, version, SCHEMA_VERSION, RunError)
    return version


def _set_pragmas(connection, _record) -> None:
    connection.isolation_level = (
        None  # transactions begin where `_begin_transaction` says, not before
    )
    for pragma in (
        "busy_timeout = 60000",  # milliseconds; a locked database is waited for
        "synchronous = FULL",  # a committed transaction survives a power cut
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_transaction(connection) -> None:
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
