"""Notes, tags, deletion with undo, and databases of the version before them."""

import json
import sqlite3
import time
from contextlib import closing

import pytest
from toy_runs import make_config, make_perform, make_test_result

from transfer_core.cli.main import main
from transfer_core.errors import RunError
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.store import curation
from transfer_core.runs.store.config_json import to_json
from transfer_core.runs.store.events import encode_values
from transfer_core.runs.store.records import RunState
from transfer_core.runs.store.schema import SCHEMA_VERSION
from transfer_core.runs.store.store import RunStore
from transfer_core.training.events import MemoryShort

VERSION_1 = """
CREATE TABLE runs (
    number INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
    "key" TEXT, config TEXT NOT NULL, state TEXT NOT NULL, created FLOAT NOT NULL,
    started FLOAT, ended FLOAT, error TEXT, result TEXT, engine TEXT,
    attempt INTEGER NOT NULL, turn INTEGER NOT NULL, resumable BOOLEAN NOT NULL,
    PRIMARY KEY (number), UNIQUE (owner, "key"), UNIQUE (id)
);
CREATE INDEX runs_by_owner ON runs (owner, turn);
CREATE INDEX runs_by_state ON runs (state, engine);
CREATE TABLE events (
    run TEXT NOT NULL, sequence INTEGER NOT NULL, time FLOAT NOT NULL, kind TEXT NOT NULL,
    "values" TEXT NOT NULL, PRIMARY KEY (run, sequence), FOREIGN KEY(run) REFERENCES runs (id)
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
OLD_RUN = "0123456789abcdef"


@pytest.fixture
def store(tmp_path):
    """A store of the test's own."""
    store = RunStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def old_home(tmp_path):
    """A data folder whose database the first version of the tables made, with one run."""
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(VERSION_1)
        connection.execute(
            "INSERT INTO runs VALUES (1, ?, 'Pets', 'ann', NULL, ?, 'finished', 1.0, 2.0, 3.0,"
            " NULL, ?, 'engine', 1, 1, 1)",
            (OLD_RUN, to_json(make_config(seed=4)), json.dumps(encode_values(make_test_result()))),
        )
        connection.execute(
            "INSERT INTO events VALUES (?, 1, 1.0, 'memory_short', '{\"images\": 4}')", (OLD_RUN,)
        )
        connection.commit()
    return tmp_path


def make_ended_run(store, state=RunState.finished):
    """The id of a run that is over."""
    run = store.create(make_config())
    store.set_state(run.id, state)
    return run.id


def test_database_of_version_1_is_brought_up_to_date_with_everything_in_it(old_home):
    with closing(RunStore(old_home)) as store:
        (run,) = store.list()
        assert (run.id, run.name, run.state) == (OLD_RUN, "Pets", RunState.finished)
        assert (run.config, run.result) == (make_config(seed=4), make_test_result())
        assert (run.notes, run.tags, run.deleted) == ("", (), None)
        assert [entry.event for entry in store.events(OLD_RUN)] == [MemoryShort(4)]
        assert curation.update_run(store, OLD_RUN, tags=["good"]).tags == ("good",)


def test_database_of_version_1_gets_the_columns_of_a_new_one(old_home, tmp_path_factory):
    new_home = tmp_path_factory.mktemp("new")
    told = []
    for home in (old_home, new_home):
        RunStore(home).close()
        with closing(sqlite3.connect(home / "runs.db")) as connection:
            columns = connection.execute("PRAGMA table_info(runs)").fetchall()
            told.append((columns, connection.execute("PRAGMA user_version").fetchone()[0]))
    assert told[0] == told[1]
    assert told[0][1] == SCHEMA_VERSION


def test_a_copy_of_the_old_database_stays_beside_the_new_one(old_home):
    RunStore(old_home).close()
    with closing(sqlite3.connect(old_home / "runs.db.version-1")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)
        assert copy.execute("SELECT name FROM runs").fetchall() == [("Pets",)]


def test_a_migration_that_fails_leaves_the_database_as_it_was(old_home, monkeypatch):
    broken = {1: ("ALTER TABLE runs ADD COLUMN notes TEXT", "no statement at all")}
    monkeypatch.setattr("transfer_core.runs.store.schema._MIGRATIONS", broken)
    with pytest.raises(Exception, match="syntax error"):
        RunStore(old_home)
    with closing(sqlite3.connect(old_home / "runs.db")) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        assert "notes" not in columns
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_name_notes_and_tags_are_kept(store):
    run = store.create(make_config(), "first")
    curation.update_run(store, run.id, name="second", notes="more\nlines", tags=["mri", "good one"])
    found = store.get(run.id)
    assert (found.name, found.notes, found.tags) == ("second", "more\nlines", ("mri", "good one"))


def test_what_is_not_given_is_left_as_it_is(store):
    run = store.create(make_config(), "first")
    curation.update_run(store, run.id, notes="why", tags=["mri"])
    curation.update_run(store, run.id, name=" ")
    assert store.list()[0] == store.get(run.id)
    assert (store.get(run.id).name, store.get(run.id).notes) == ("first", "why")


def test_tags_are_cleaned_and_each_is_kept_once(store):
    run = store.create(make_config())
    given = ["MRI", " mri ", "", "a\x1b[31mb", "x" * 99, *map(str, range(30))]
    tags = curation.update_run(store, run.id, tags=given).tags
    assert tags[:3] == ("MRI", "a [31mb", "x" * curation.MAX_TAG_LENGTH)
    assert len(tags) == curation.MAX_TAGS


def test_a_deleted_run_is_hidden_at_once_and_comes_back_whole(store):
    run_id = make_ended_run(store)
    before = store.get(run_id)
    curation.delete_runs(store, [run_id])
    assert store.list() == ()
    assert [run.id for run in store.list(deleted=True)] == [run_id]
    with pytest.raises(RunError, match="deleted.*Bring it back"):
        store.get(run_id)
    curation.restore_runs(store, [run_id])
    assert store.list() == (before,)


@pytest.mark.parametrize("state", [RunState.queued, RunState.training, RunState.stopping])
def test_a_run_that_is_not_over_must_be_stopped_first(store, state):
    finished, going = make_ended_run(store), store.create(make_config(), "still going").id
    store.set_state(going, state)
    with pytest.raises(RunError, match="still going.*Stop it first"):
        curation.delete_runs(store, [finished, going])
    assert len(store.list()) == 2


def test_files_of_a_deleted_run_go_a_day_later_and_not_before(tmp_path, monkeypatch):
    with Engine(tmp_path, make_perform(epochs=1)) as engine:
        kept, gone = (engine.submit(make_config()) for _ in range(2))
        for run_id in (kept, gone):
            engine.wait(run_id, 10)
        curation.delete_runs(engine.store, [gone])
        folder = tmp_path / "runs" / gone
        engine.reconcile()
        assert folder.is_dir()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + curation.DELETION_GRACE_SECONDS + 1)
        engine.reconcile()
        assert not folder.exists()
        assert engine.store.list(deleted=True) == ()
        assert [run.id for run in engine.list_runs()] == [kept]
        assert engine.directory(kept).result_file.is_file()


def test_emptying_removes_what_was_deleted_at_once(store, tmp_path):
    run_id = make_ended_run(store)
    curation.delete_runs(store, [run_id])
    assert curation.purge_deleted_runs(store, tmp_path, older_than=0) == 1
    with pytest.raises(RunError, match="no such run"):
        store.events(run_id)


def test_a_run_that_was_brought_back_is_not_removed(store, tmp_path):
    run_id = make_ended_run(store)
    curation.delete_runs(store, [run_id])
    curation.restore_runs(store, [run_id])
    assert curation.purge_deleted_runs(store, tmp_path, older_than=0) == 0
    assert store.get(run_id).id == run_id


def test_the_command_line_tells_notes_and_tags_deletes_and_undoes(transfer_home, capsys):
    with closing(RunStore(transfer_home)) as store:
        run_id = make_ended_run(store, RunState.stopped)
        curation.update_run(store, run_id, notes="why", tags=["mri"])

    def run_command(*arguments):
        assert main(["runs", "--json", *arguments]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    (row,) = run_command()
    assert (row["notes"], row["tags"]) == ("why", ["mri"])
    assert run_command("--delete", run_id) == []
    assert run_command("--undelete", run_id) == [row]
    assert main(["runs", "--undelete", OLD_RUN]) == 2
