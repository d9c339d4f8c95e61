"""Interrupted runs continue from their checkpoint, on request and when a server starts."""

from contextlib import closing

import pytest
from test_runs_crash import is_training, kill_child, make_checkpointing_perform, make_text_writer
from test_runs_engine import WAIT, list_states, wait_for
from toy_runs import list_kinds, make_config, make_epoch, make_perform, make_step

from transfer_core.errors import RunError
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import EventFile
from transfer_core.runs.store.events import select_events
from transfer_core.runs.store.records import RunState
from transfer_core.runs.store.store import RunStore
from transfer_core.training.events import EpochEnded


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
        directory.save_checkpoint(1, make_text_writer("1"), ".txt")
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
