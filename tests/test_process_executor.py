"""Runs in processes of their own: whatever ends such a process ends or delays its run only."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from test_runs_crash import is_training
from test_runs_engine import WAIT, list_states, wait_for
from toy_runs import list_kinds, make_config, make_test_result

from transfer_core.runs.engine import process_executor, run_process
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.engine.process_executor import ProcessExecutor
from transfer_core.runs.engine.reader import RunReader
from transfer_core.runs.store.attempts import StaleAttempt
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.events import select_events
from transfer_core.runs.store.records import Failed, RunState
from transfer_core.training.events import EpochEnded

WORKER = Path(__file__).parent / "toy_worker.py"


def start(home, kind, **options):
    """An engine whose runs are performed by a toy worker."""
    command = [sys.executable, str(WORKER), str(home), kind]
    return Engine(home, ProcessExecutor(command), **options)


def list_processes(engine):
    """The ids of an engine's living processes."""
    return [each._process.pid for each in engine._executor._processes if each.is_alive()]


def test_run_in_a_process_tells_the_same_story_and_leaves_the_same_files(tmp_path):
    with start(tmp_path, "quick") as engine:
        for _ in range(2):  # the process performs one run after the other
            run = engine.wait(engine.submit(make_config()), WAIT)
            assert (run.state, run.result, run.attempt) == ("finished", make_test_result(), 1)
            told = ["StateChanged", "StateChanged", "Preparing", "StateChanged", "Started"]
            told += ["Stepped", "EpochEnded"] * 2 + ["Ended", "TestResult", "StateChanged"]
            assert list_kinds(engine.events(run.id)) == told
            files = {
                path.name for path in engine.directory(run.id).path.iterdir() if path.is_file()
            }
            assert {"spec.json", "events.jsonl", "result.json"} <= files
        (process,) = list_processes(engine)
    assert_ended(process)


def assert_ended(process):
    wait_for(lambda: not Path(f"/proc/{process}").exists() or is_zombie(process))


@pytest.mark.parametrize("kind", ["killed", "faulty", "ended"])
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


def test_run_that_ends_every_process_is_given_up_and_the_next_run_goes_well(tmp_path, monkeypatch):
    with start(tmp_path, "long") as engine:
        run_id = engine.submit(make_config())
        for attempt in (1, 2, 3):
            wait_for(lambda n=attempt: engine.get(run_id).attempt == n)
            wait_for(lambda: engine.state(run_id) is RunState.training)
            wait_for(lambda: engine.directory(run_id).find_checkpoint_epoch())
            os.kill(list_processes(engine)[0], signal.SIGKILL)
        run = engine.wait(run_id, WAIT)
        assert run.state is RunState.interrupted
        assert run.error.found == "signal SIGKILL"
        assert "Resume it: it continues after epoch" in run.error.remedy
        again = engine.submit(make_config())
        wait_for(lambda: is_training(engine, again))
        engine.stop(again)
        assert engine.wait(again, WAIT).state is RunState.stopped


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


def test_error_that_a_person_can_mend_is_told_once_in_its_own_words(tmp_path):
    with start(tmp_path, "unlucky") as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert (run.state, run.attempt) == (RunState.failed, 1)
        assert run.error == Failed("The images are gone.", "data set x", "Upload them again.")


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


def test_process_ends_with_the_server_that_is_killed_and_the_next_server_goes_on(tmp_path):
    script = f"""
        import sys, time
        sys.path[:0] = [{str(WORKER.parent)!r}, {str(WORKER.parents[1])!r}]
        from pathlib import Path
        from test_process_executor import list_processes, start
        from toy_runs import make_config
        engine = start(Path({str(tmp_path)!r}), "long")
        run = engine.submit(make_config())
        while engine.directory(run).find_checkpoint_epoch() is None:
            time.sleep(0.01)
        print(run, *list_processes(engine), flush=True)
        time.sleep(600)
    """
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    run_id, process = server.stdout.readline().split()
    server.kill()
    server.wait()
    server.stdout.close()
    with start(tmp_path, "long") as engine:
        wait_for(lambda: list_states(engine, run_id)[-1] == "training")
        assert engine.get(run_id).attempt == 2
        epochs = [event.epoch for event in select_events(engine.events(run_id), EpochEnded)]
        assert epochs == list(range(1, len(epochs) + 1))
        engine.stop(run_id)
        engine.wait(run_id, WAIT)
    assert_ended(process)


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
