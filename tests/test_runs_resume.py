"""Interrupted runs continue from their checkpoint, on request and when a server starts."""

import threading
from contextlib import closing

import pytest
from test_runs_crash import is_training, kill_child
from test_runs_engine import WAIT, list_states, wait_for
from toy_runs import (
    list_kinds,
    make_checkpointing_perform,
    make_config,
    make_epoch,
    make_perform,
    make_step,
    make_test_result,
    save_toy_checkpoint,
)

from transfer_core.errors import RunError
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.engine.lanes import LaneFinder
from transfer_core.runs.engine.queue import RunQueue
from transfer_core.runs.engine.recovery import recover_runs
from transfer_core.runs.engine.run_times import RunTimes
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import EventFile
from transfer_core.runs.store.events import select_events
from transfer_core.runs.store.records import RunState
from transfer_core.runs.store.store import RunStore
from transfer_core.training.checkpoint import Checkpointer
from transfer_core.training.checkpoint_format import FORMAT_VERSION
from transfer_core.training.events import EpochEnded, Preparing


def interrupt(home, resume=False):
    """The id of a run whose engine closed in the middle, after a few checkpoints."""
    with Engine(home, make_checkpointing_perform(), resume=resume) as engine:
        run_id = engine.submit(make_config())
        wait_for(lambda: len(select_events(engine.events(run_id), EpochEnded)) > 3)
    return run_id


def test_an_interrupted_run_is_resumed_from_its_checkpoint_on_request(tmp_path):
    run_id = interrupt(tmp_path)
    saved = RunDirectory.locate(tmp_path, run_id).find_checkpoint_epoch()
    perform = make_checkpointing_perform(epochs=saved + 2, pause=0.001)
    with Engine(tmp_path, perform) as engine:
        run = engine.get(run_id)
        assert (run.state, run.error is None) == (RunState.interrupted, False)
        assert engine.find_resume_epoch(run_id) == saved
        engine.resume(run_id)
        run = engine.wait(run_id, WAIT)
        assert (run.state, run.attempt, run.error) == (RunState.finished, 2, None)
        epochs = [event.epoch for event in select_events(engine.events(run_id), EpochEnded)]
        assert epochs == list(range(1, saved + 3))
        story = ["interrupted", "queued", "preparing", "training", "finished"]
        assert list_states(engine, run_id)[-5:] == story
        assert engine.find_resume_epoch(run_id) is None


def test_resuming_twice_is_resuming_once(tmp_path):
    run_id = interrupt(tmp_path)
    with Engine(tmp_path, make_checkpointing_perform()) as engine:
        engine.resume(run_id)
        engine.resume(run_id)
        wait_for(lambda: engine.state(run_id) is RunState.training)
        engine.resume(run_id)
        assert list_states(engine, run_id).count("interrupted") == 1
        engine.stop(run_id)
        assert engine.wait(run_id, WAIT).state is RunState.stopped


def test_a_stop_from_before_the_interruption_does_not_stop_the_resumed_run(tmp_path):
    run_id = interrupt(tmp_path)
    directory = RunDirectory.locate(tmp_path, run_id)
    directory.request_stop()
    perform = make_checkpointing_perform(directory.find_checkpoint_epoch() + 1, pause=0.001)
    with Engine(tmp_path, perform) as engine:
        engine.resume(run_id)
        assert engine.wait(run_id, WAIT).state is RunState.finished


def test_a_server_that_starts_resumes_the_run_that_its_predecessor_left(tmp_path):
    run_id = interrupt(tmp_path, resume=True)
    saved = RunDirectory.locate(tmp_path, run_id).find_checkpoint_epoch()
    with Engine(tmp_path, make_checkpointing_perform(saved + 2, pause=0.001)) as engine:
        assert engine.wait(run_id, WAIT).state is RunState.finished


def test_an_interrupted_run_goes_on_before_those_that_had_waited(tmp_path):
    with closing(RunStore(tmp_path)) as store:
        runs = [
            store.create(make_config(), engine="dead", owner=owner, resumable=True).id
            for owner in ("ann", "bob", "cem")
        ]
        queue = RunQueue(store, LaneFinder(RunTimes(store, tmp_path)))
        begun = queue.claim("dead").id
        waiting = [run_id for run_id in runs if run_id != begun]
        store.set_state(begun, RunState.training)
        save_toy_checkpoint(RunDirectory.locate(tmp_path, begun), 7)
        recover_runs(store, tmp_path, "dead")
        assert queue.adopt("new") == 3
        assert [queue.claim("new").id for __ in runs] == [begun, *waiting]


def test_what_cannot_be_resumed_is_refused_with_the_reason(tmp_path):
    run_id = interrupt(tmp_path)
    with Engine(tmp_path, make_perform()) as engine:
        finished = engine.submit(make_config())
        engine.wait(finished, WAIT)
        with pytest.raises(RunError, match="cannot be resumed.*the run is finished"):
            engine.resume(finished)
        for path in engine.directory(run_id).checkpoints_folder.iterdir():
            path.write_text("damaged")
        with pytest.raises(RunError, match="cannot be resumed.*the run is interrupted"):
            engine.resume(run_id)
        with pytest.raises(RunError, match="no such run"):
            engine.resume("0" * 16)
    with pytest.raises(RunError, match="shutting down"):
        engine.resume(run_id)


def test_a_killed_command_line_run_can_be_resumed_on_the_server(tmp_path):
    perform = "make_checkpointing_perform()"
    (run_id,) = kill_child(tmp_path, is_training, perform=perform, resume=False, runs=1)
    directory = RunDirectory.locate(tmp_path, run_id)
    if directory.find_checkpoint_epoch() is None:  # killed within its first epoch
        save_toy_checkpoint(directory, 1)
    epochs = directory.find_checkpoint_epoch() + 1
    with Engine(tmp_path, make_checkpointing_perform(epochs, pause=0.001)) as engine:
        assert engine.state(run_id) is RunState.interrupted
        engine.resume(run_id)
        assert engine.wait(run_id, WAIT).state is RunState.finished


def test_events_that_the_database_lacked_at_the_kill_are_read_from_the_runs_file(tmp_path):
    with closing(RunStore(tmp_path)) as store:
        run_id = store.create(make_config(), engine="dead").id
        store.set_state(run_id, RunState.training)
        events = [make_step(1), make_epoch(1), make_step(2), make_epoch(2)]
        store.append(run_id, events[:2])
        directory = RunDirectory.locate(tmp_path, run_id)
        directory.prepare("{}", 1)
        with closing(EventFile(directory.events_file)) as file:
            for event in events:
                file.append(event)
        with directory.events_file.open("a") as torn:
            torn.write('{"sequence": 5, "ki')
    for _ in range(2):  # the second start finds nothing missing
        with Engine(tmp_path, make_perform()) as engine:
            assert engine.state(run_id) is RunState.interrupted
            assert select_events(engine.events(run_id), EpochEnded) == [events[1], events[3]]
            assert list_kinds(engine.events(run_id)).count("Stepped") == 2


def test_what_the_process_before_told_after_the_recovery_is_kept(tmp_path):
    run_id = interrupt(tmp_path)
    directory = RunDirectory.locate(tmp_path, run_id)
    late = directory.find_checkpoint_epoch() + 1
    with Engine(tmp_path, make_checkpointing_perform(late + 1, pause=0.0)) as engine:
        with closing(EventFile(directory.events_file)) as file:  # it outlives its server a little
            file.append(make_epoch(late))
        save_toy_checkpoint(directory, late)
        engine.resume(run_id)
        engine.wait(run_id, WAIT)
        epochs = [event.epoch for event in select_events(engine.events(run_id), EpochEnded)]
        assert epochs == list(range(1, late + 2))


def test_a_stop_while_a_run_waits_to_continue_keeps_its_checkpoint(tmp_path):
    run_id = interrupt(tmp_path)
    with Engine(tmp_path, make_perform()) as engine:
        saved = engine.find_resume_epoch(run_id)
        queue_for_another_engine(engine, run_id)
        engine.stop(run_id)
        run = engine.get(run_id)
        assert (run.state, engine.find_resume_epoch(run_id)) == (RunState.interrupted, saved)
        assert f"epoch {saved}" in run.error.remedy
        engine.resume(run_id)
        assert engine.wait(run_id, WAIT).state is RunState.finished


def queue_for_another_engine(engine, run_id):
    """Let an interrupted run wait for an engine that does not take it."""
    states = {RunState.interrupted}
    engine.store.set_state(run_id, RunState.queued, expected_states=states, engine="another")


def test_a_stop_while_a_resumed_run_prepares_keeps_its_checkpoint(tmp_path):
    run_id, prepares = interrupt(tmp_path), threading.Event()

    def prepare_until_stopped(config, directory, stop_requested):
        yield Preparing("Decoding images", 1, 8)
        prepares.set()
        wait_for(stop_requested)

    with Engine(tmp_path, prepare_until_stopped) as engine:
        saved = engine.find_resume_epoch(run_id)
        engine.resume(run_id)
        assert prepares.wait(WAIT)
        engine.stop(run_id)
        assert engine.wait(run_id, WAIT).state is RunState.interrupted
        assert engine.find_resume_epoch(run_id) == saved


def test_a_run_interrupted_in_its_first_phase_continues_with_the_head_it_trained(tmp_path):
    with closing(RunStore(tmp_path)) as store:
        run_id = store.create(make_config(), engine="dead", resumable=False).id
        store.set_state(run_id, RunState.preparing)
        directory = RunDirectory.locate(tmp_path, run_id)
        directory.prepare("{}", 1)
        directory.baseline_file.write_bytes(b"the head")
    with Engine(tmp_path, make_perform()) as engine:
        assert engine.find_resume_epoch(run_id) == 0
        engine.resume(run_id)
        assert engine.wait(run_id, WAIT).state is RunState.finished


@pytest.mark.parametrize("changes", [{"suffix": ".bin"}, {"version": 0}])
def test_a_checkpoint_that_cannot_be_loaded_is_not_offered(changes, tmp_path):
    directory = RunDirectory(tmp_path)
    save_toy_checkpoint(directory, 3)
    save_toy_checkpoint(directory, 4, **changes)
    assert directory.find_checkpoint_epoch() == directory.find_resume_epoch(verify=True) == 3
    assert Checkpointer(directory).load().values == {"version": FORMAT_VERSION}


def test_asking_for_the_epoch_does_not_read_whole_checkpoints(tmp_path, monkeypatch):
    run_id = interrupt(tmp_path)
    monkeypatch.setattr("transfer_core.runs.store.directory.hash_file", pytest.fail)
    with Engine(tmp_path, make_perform()) as engine:
        assert engine.find_resume_epoch(run_id) is not None


@pytest.mark.parametrize("end", ["finished", "failed", "stopped"])
def test_only_an_interrupted_run_leaves_checkpoints(end, tmp_path):
    def perform(config, directory, stop_requested):
        save_toy_checkpoint(directory, 1)
        yield from make_perform(fail_in_epoch=2 if end == "failed" else 0)(
            config, directory, stop_requested
        )

    def perform_until_stopped(config, directory, stop_requested):
        save_toy_checkpoint(directory, 1)
        yield make_step(1)
        wait_for(stop_requested)
        yield make_test_result()

    with Engine(tmp_path, perform_until_stopped if end == "stopped" else perform) as engine:
        run_id = engine.submit(make_config())
        if end == "stopped":
            wait_for(lambda: engine.directory(run_id).find_checkpoint_epoch())
            engine.stop(run_id)
        assert engine.wait(run_id, WAIT).state == end
        wait_for(lambda: not engine.directory(run_id).checkpoints_folder.exists())


def test_a_run_that_passed_to_another_engine_keeps_its_files(tmp_path):
    reached, passed = threading.Event(), threading.Event()

    def perform(config, directory, stop_requested):
        save_toy_checkpoint(directory, 1)
        reached.set()
        passed.wait(WAIT)
        yield from make_perform()(config, directory, stop_requested)

    with Engine(tmp_path, perform) as engine:
        run_id = engine.submit(make_config())
        assert reached.wait(WAIT)
        with engine.store.begin_write() as connection:
            connection.exec_driver_sql("UPDATE runs SET engine = 'another'")
        passed.set()
        second = engine.submit(make_config())  # the worker is free once it has left the first
        engine.wait(second, WAIT)
        directory = engine.directory(run_id)
        assert not directory.result_file.exists()
        assert directory.find_checkpoint_epoch() == 1
        assert engine.state(run_id) is not RunState.failed


def test_a_resume_that_comes_too_late_does_not_remove_the_stop_of_the_run(tmp_path, monkeypatch):
    run_id = interrupt(tmp_path)
    with Engine(tmp_path, make_checkpointing_perform()) as engine:
        stale, directory = engine.get(run_id), engine.directory(run_id)
        queue_for_another_engine(engine, run_id)  # another page resumed it, and it was stopped
        directory.request_stop()
        monkeypatch.setattr(engine, "get", lambda _: stale)
        engine.resume(run_id)
        assert directory.stop_file.exists()
        assert engine.store.get(run_id).engine == "another"


def test_a_stop_between_the_claim_and_the_start_is_not_lost(tmp_path, monkeypatch):
    stops = []

    def stop_first(self, config, attempt, prepare=RunDirectory.prepare):
        if attempt == 2:
            engine.stop(self.id)
            stops.append(self.id)
        prepare(self, config, attempt)

    run_id = interrupt(tmp_path)
    monkeypatch.setattr(RunDirectory, "prepare", stop_first)
    with Engine(tmp_path, make_checkpointing_perform()) as engine:
        engine.resume(run_id)
        assert engine.wait(run_id, WAIT).state in (RunState.stopped, RunState.interrupted)
        assert stops == [run_id]
