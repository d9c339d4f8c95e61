"""Runs in processes of their own: whatever ends such a process ends or delays its run only."""

import sys
from pathlib import Path

import pytest
from test_runs_engine import WAIT, list_states, wait_for
from toy_runs import list_kinds, make_config

from transfer_core.runs.engine import process_executor, run_process
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.engine.process_executor import ProcessExecutor
from transfer_core.runs.engine.reader import RunReader
from transfer_core.runs.store.attempts import StaleAttempt
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.events import select_events
from transfer_core.runs.store.records import RunState
from transfer_core.training.events import EpochEnded

WORKER = Path(__file__).parent / "toy_worker.py"


def start(home, kind, **options):
    """An engine whose runs are performed by a toy worker."""
    command = [sys.executable, str(WORKER), str(home), kind]
    return Engine(home, ProcessExecutor(command), **options)


def list_processes(engine):
    """The ids of an engine's living processes."""
    return [each._process.pid for each in engine._executor._processes if each.is_alive()]


def assert_ended(process):
    wait_for(lambda: not Path(f"/proc/{process}").exists() or is_zombie(process))


@pytest.mark.parametrize("kind", ["faulty", "ended"])
def test_run_whose_process_ends_goes_on_in_another_behind_its_checkpoint(kind, tmp_path):
    with start(tmp_path, kind) as engine:
        run_id = engine.submit(make_config())
        wait_for(lambda: engine.get(run_id).attempt == 2)
        if kind == "ended":
            wait_for(lambda: len(select_events(engine.events(run_id), EpochEnded)) > 2)
            engine.stop(run_id)
        run = engine.wait(run_id, WAIT)
        assert run.state is (RunState.stopped if kind == "ended" else RunState.finished)
        assert run.result and run.attempt == 2
        assert list_states(engine, run_id)[2:5] == ["training", "queued", "preparing"]
        epochs = [event.epoch for event in select_events(engine.events(run_id), EpochEnded)]
        assert epochs == list(range(1, len(epochs) + 1)) and len(epochs) > 2


def test_process_that_the_system_ends_for_want_of_memory_is_told_so(tmp_path, monkeypatch):
    kills = iter(range(100))
    monkeypatch.setattr(run_process, "count_memory_kills", lambda: next(kills))
    with start(tmp_path, "killed") as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert run.state is RunState.failed and run.attempt == 1
        assert "memory" in run.error.problem and "smaller batch size" in run.error.remedy


def test_process_that_cannot_be_started_is_tried_again(tmp_path, monkeypatch):
    answers = iter([OSError(12, "Cannot allocate memory")])
    make = process_executor.RunProcess

    def start_process(command):
        if error := next(answers, None):
            raise error
        return make(command)

    monkeypatch.setattr(process_executor, "RunProcess", start_process)
    monkeypatch.setattr(process_executor, "RETRY_SECONDS", 0.01)
    with start(tmp_path, "quick") as engine:
        assert engine.wait(engine.submit(make_config()), WAIT).state is RunState.finished


def test_run_without_a_process_fails_in_plain_words_and_the_next_run_goes_well(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(process_executor, "RETRY_SECONDS", 0.01)
    python = tmp_path / "python"
    command = [str(python), str(WORKER), str(tmp_path), "quick"]
    with Engine(tmp_path, ProcessExecutor(command)) as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert run.state is RunState.failed and str(python) in run.error.found
        assert run.error.problem == "No process could be started to perform the run."
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o700)
        assert engine.wait(engine.submit(make_config()), WAIT).state is RunState.finished


def test_run_that_was_to_go_on_but_finds_no_process_keeps_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(process_executor, "RETRY_SECONDS", 0.01)
    with start(tmp_path, "long", resume=False) as engine:
        run_id = engine.submit(make_config())
        wait_for(lambda: engine.directory(run_id).find_checkpoint_epoch())
    with Engine(tmp_path, ProcessExecutor([str(tmp_path / "python")])) as engine:
        engine.resume(run_id)
        run = engine.wait(run_id, WAIT)
        assert run.state is RunState.interrupted
        assert "No process" in run.error.problem and "Resume it" in run.error.remedy
        assert engine.find_resume_epoch(run_id)


def test_what_a_run_prints_is_no_message(tmp_path):
    with start(tmp_path, "printing") as engine:
        assert engine.wait(engine.submit(make_config()), WAIT).state is RunState.finished


def test_run_that_answers_to_nothing_ends_with_its_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(process_executor, "CLOSE_SECONDS", 0.2)
    with start(tmp_path, "hanging") as engine:
        run_id = engine.submit(make_config())
        wait_for(lambda: "TestResult" in list_kinds(engine.events(run_id)))
        (process,) = list_processes(engine)
    assert_ended(process)
    with RunReader(tmp_path) as reader:
        assert reader.state(run_id) is RunState.interrupted


def is_zombie(process):
    return Path(f"/proc/{process}/stat").read_text().split()[2] == "Z"


def test_attempt_that_wakes_after_a_later_one_has_begun_writes_nothing(tmp_path):
    directory = RunDirectory.locate(tmp_path, "0123456789abcdef")
    directory.prepare("{}", 1)
    old = RunDirectory(directory.path)
    old.claim()
    old.save_checkpoint(1, lambda path: path.write_text("first"), ".bin")
    directory.prepare("{}", 2)
    before = sorted(directory.path.rglob("*"))
    with pytest.raises(StaleAttempt):
        old.save_checkpoint(2, lambda path: path.write_text("late"), ".bin")
    with pytest.raises(StaleAttempt):
        old.write(old.weights_file, b"late")
    directory.prepare("{}", 2)  # sweeps what was half written
    assert sorted(directory.path.rglob("*")) == before
