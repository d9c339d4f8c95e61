"""A stored run whose settings no longer pass today's checks is shown alone and harms no other."""

import json
from contextlib import closing

import pytest
from test_runs_engine import WAIT
from toy_runs import make_config, make_perform

from transfer_core.cli.main import main
from transfer_core.errors import RunError
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.store import curation
from transfer_core.runs.store.records import RunState, UnreadableRun
from transfer_core.runs.store.store import RunStore


def break_settings(store, run_id):
    """Write a batch size that was allowed once."""
    with store.begin_write() as connection:
        connection.exec_driver_sql(
            "UPDATE runs SET config = json_set(config, '$.strategy.optimiser.batch_size', 9999)"
            f" WHERE id = '{run_id}'"
        )


@pytest.fixture
def store(tmp_path):
    """A store of the test's own."""
    with closing(RunStore(tmp_path)) as store:
        yield store


def make_finished(store, name):
    run = store.create(make_config(), name)
    store.set_state(run.id, RunState.finished)
    return run.id


def test_a_run_that_cannot_be_read_hides_no_other(store):
    old, good = make_finished(store, "old"), make_finished(store, "good")
    break_settings(store, old)
    assert [run.id for run in store.list()] == [good]
    (unreadable,) = [run for run in store.list_all() if isinstance(run, UnreadableRun)]
    assert (unreadable.id, unreadable.name, unreadable.state) == (old, "old", RunState.finished)
    assert "another version" in unreadable.problem.problem
    assert "batch_size = 9999" in unreadable.problem.found
    with pytest.raises(RunError, match="another version"):
        store.get(old)


def test_a_waiting_run_that_cannot_be_read_fails_and_the_engine_goes_on(tmp_path, store):
    old, good = (store.create(make_config(), name).id for name in ("old", "good"))
    break_settings(store, old)
    with Engine(tmp_path, make_perform()) as engine:
        assert engine.wait(good, WAIT).state is RunState.finished
        assert store.read(old).state is RunState.failed
        again = engine.submit(make_config())
        assert engine.wait(again, WAIT).state is RunState.finished


def test_a_run_of_a_dead_engine_that_cannot_be_read_fails(tmp_path, store):
    old = store.create(make_config(), engine="dead").id
    store.set_state(old, RunState.training)
    break_settings(store, old)
    with Engine(tmp_path, make_perform()):
        assert store.read(old).state is RunState.failed


def test_a_run_that_cannot_be_read_is_deleted_and_removed_like_any_other(tmp_path, store):
    old = make_finished(store, "old")
    break_settings(store, old)
    curation.delete_runs(store, [old])
    assert store.list_all() == ()
    curation.restore_runs(store, [old])
    assert [run.id for run in store.list_all()] == [old]
    curation.delete_runs(store, [old])
    assert curation.purge_deleted_runs(store, tmp_path, older_than=0) == 1
    assert store.list_all(deleted=True) == ()


def test_the_command_line_lists_it_with_its_problem(transfer_home, capsys):
    with closing(RunStore(transfer_home)) as store:
        old, good = make_finished(store, "old"), make_finished(store, "good")
        break_settings(store, old)
    assert main(["runs", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["run"] for line in lines] == [good, old]
    assert "another version" in lines[1]["problem"]
    assert main(["runs", "--json", "--delete", old]) == 0
    assert [json.loads(line)["run"] for line in capsys.readouterr().out.splitlines()] == [good]
