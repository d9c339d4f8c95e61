"""Recovery of runs whose files are damaged, or that another engine recovers at the same time."""

import json

import pytest
from toy_runs import (
    make_config,
    make_epoch,
    make_perform,
    make_step,
    make_test_result,
    save_toy_checkpoint,
)

from transfer_core.errors import RunError
from transfer_core.runs.engine import recovery
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import read_event_file
from transfer_core.runs.store.events import encode_event, select_events
from transfer_core.runs.store.records import Outcome, RunState
from transfer_core.runs.store.store import RunStore
from transfer_core.training.events import EpochEnded


@pytest.fixture
def store(tmp_path):
    """The store of an empty data folder."""
    store = RunStore(tmp_path)
    yield store
    store.close()


def leave_run(store, home, *, resumable=True):
    """A run that was training when its engine died, and its directory."""
    run_id = store.create(make_config(), engine="dead", resumable=resumable).id
    store.set_state(run_id, RunState.training)
    directory = RunDirectory.locate(home, run_id)
    directory.prepare("{}", 1)
    return store.get(run_id), directory


def make_lines(*events):
    """Lines of an event file; an event may be given as its kind and values."""
    pairs = [event if isinstance(event, tuple) else encode_event(event) for event in events]
    lines = [json.dumps({"kind": kind, "values": values}) + "\n" for kind, values in pairs]
    return "".join(lines).encode()


def test_two_engines_that_recover_the_same_run_recover_it_once(store, tmp_path):
    run, directory = leave_run(store, tmp_path)
    directory.events_file.write_bytes(make_lines(make_step(1), make_epoch(1)))
    recovery.recover_runs(store, tmp_path, "dead")
    count = len(store.events(run.id))
    with pytest.raises(RunError):
        recovery._recover_run(store, directory, run)  # of an engine that had listed it before
    assert len(store.events(run.id)) == count


def test_an_engine_starts_although_another_recovers_its_runs_meanwhile(
    store, tmp_path, monkeypatch
):
    run, _ = leave_run(store, tmp_path)
    other, _ = leave_run(store, tmp_path)
    listed = store.list_all()
    recovery._recover_run(store, RunDirectory.locate(tmp_path, other.id), other)
    monkeypatch.setattr(store, "list_all", lambda **_: listed)
    recovery.recover_runs(store, tmp_path, "dead")
    assert {store.get(each.id).state for each in (run, other)} == {RunState.interrupted}


@pytest.mark.parametrize(
    "damage",
    [b'{"sequence": 1, "ki\0\0\0\0\n', b"\xff\xfe\n", b"7\n", b"[]\n", b"{}\n", b"\n"],
)
def test_a_damaged_line_neither_stops_the_program_nor_loses_the_other_lines(
    damage, store, tmp_path, caplog
):
    run, directory = leave_run(store, tmp_path)
    directory.events_file.write_bytes(damage + make_lines(make_step(1), make_epoch(1)))
    with Engine(tmp_path, make_perform()) as engine:
        assert engine.state(run.id) is RunState.interrupted
        assert len(select_events(engine.events(run.id), EpochEnded)) == 1
    assert "is damaged" in caplog.text


def test_a_damaged_result_is_no_result(store, tmp_path):
    run, directory = leave_run(store, tmp_path)
    directory.result_file.write_bytes(b'{"state": "fini')
    with Engine(tmp_path, make_perform()) as engine:
        assert engine.state(run.id) is RunState.interrupted


def test_events_are_restored_once_although_another_version_wrote_some(store, tmp_path):
    run, directory = leave_run(store, tmp_path)
    unknown = ("a_kind_of_tomorrow", {})
    directory.events_file.write_bytes(make_lines(unknown, make_step(1), unknown, make_epoch(1)))
    assert len(read_event_file(directory.events_file)) == 2
    recovery.restore_events(store, directory, run)
    once = store.events(run.id)
    recovery.restore_events(store, directory, run)
    assert store.events(run.id) == once and len(select_events(once, EpochEnded)) == 1


def test_the_remedy_of_an_interruption_is_what_the_page_offers(store, tmp_path):
    left = [leave_run(store, tmp_path, resumable=False) for _ in range(3)]
    runs = [run for run, _ in left]
    save_toy_checkpoint(left[1][1], 4)
    left[2][1].baseline_file.write_bytes(b"the head")
    with Engine(tmp_path, make_perform()) as engine:
        remedies = [engine.get(run.id).error.remedy for run in runs]
        assert remedies == [
            "Start it again with the same settings.",
            "Resume it: it continues after epoch 4.",
            "Resume it: it continues where it was, in its first epoch or before.",
        ]
        epochs = [engine.find_resume_epoch(run.id) for run in runs]
        assert epochs == [None, 4, 0]


def test_checkpoints_go_when_recovery_finds_the_result(store, tmp_path):
    run, directory = leave_run(store, tmp_path)
    save_toy_checkpoint(directory, 4)
    directory.write_outcome(Outcome(RunState.finished, make_test_result()))
    with Engine(tmp_path, make_perform()) as engine:
        assert engine.state(run.id) is RunState.finished
    assert not directory.checkpoints_folder.exists()
