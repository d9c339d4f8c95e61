"""Runs and the death of their process: kill -9 in the middle, then a new engine."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from test_runs_engine import WAIT, list_states, wait_for
from toy_runs import (
    make_checkpointing_perform,
    make_perform,
    make_step,
    make_test_result,
    save_toy_checkpoint,
)

from benchmarks.kills.phase import try_kills
from benchmarks.kills.server import Server
from benchmarks.kills.tally import Tally
from benchmarks.kills.trainings import RunPhase
from transfer_core.runs.engine import engine as engine_module
from transfer_core.runs.engine import worker
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.engine.reader import RunReader
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import EventFile
from transfer_core.runs.store.events import find_last_event, select_events
from transfer_core.runs.store.records import Outcome, RunState
from transfer_core.training.events import EpochEnded, Stepped

TESTS = Path(__file__).parent


def start_child(home, *, perform="make_perform(epochs=10_000, pause=0.02)", resume=True, runs=2):
    """A process of its own that submits runs and works on them for ever."""
    script = f"""
        import sys, time
        from pathlib import Path
        sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent)!r}]
        from toy_runs import make_checkpointing_perform, make_config, make_perform
        from transfer_core.runs.engine.engine import Engine
        engine = Engine(Path({str(home)!r}), {perform}, resume={resume})
        print(*[engine.submit(make_config(n)) for n in range({runs})], flush=True)
        time.sleep(600)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().split()


def kill_child(home, until, **options):
    """Run a child until something is so, then kill -9 it; returns the ids of its runs."""
    process, ids = start_child(home, **options)
    try:
        with RunReader(home) as reader:
            wait_for(lambda: until(reader, ids[0]))
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    return ids


def is_training(reader, run_id):
    """Whether a run has taken a step."""
    return find_last_event(reader.events(run_id), Stepped) is not None


def test_killed_run_is_interrupted_and_what_waited_goes_on(tmp_path):
    active, waiting = kill_child(tmp_path, is_training)
    with Engine(tmp_path, make_perform()) as engine:
        run = engine.get(active)
        assert run.state is RunState.interrupted
        assert "interrupted" in run.error.problem
        assert list_states(engine, active) == ["queued", "preparing", "training", "interrupted"]
        assert engine.wait(waiting, WAIT).state is RunState.finished
        numbers = [event.sequence for event in engine.events(active)]
        assert numbers == list(range(1, len(numbers) + 1))


def test_killed_run_with_a_checkpoint_goes_on_behind_it(tmp_path):
    def has_passed_epoch_5(reader, run_id):
        return any(e.epoch > 5 for e in select_events(reader.events(run_id), EpochEnded))

    (run_id,) = kill_child(
        tmp_path, has_passed_epoch_5, perform="make_checkpointing_perform()", runs=1
    )
    kept = RunDirectory.locate(tmp_path, run_id).find_checkpoint_epoch()
    with Engine(tmp_path, make_checkpointing_perform(epochs=kept + 3, pause=0.001)) as engine:
        run = engine.wait(run_id, WAIT)
        assert (run.state, run.attempt) == (RunState.finished, 2)
        told = list_states(engine, run_id)
        assert told[2:] == ["training", "queued", "preparing", "training", "finished"]
        epochs = [e.epoch for e in select_events(engine.events(run_id), EpochEnded)]
        assert epochs[-3:] == [kept + 1, kept + 2, kept + 3]


def test_run_that_keeps_killing_its_process_is_given_up(tmp_path):
    (run_id,) = kill_child(tmp_path, is_training, perform="make_checkpointing_perform()", runs=1)
    with Engine(tmp_path, make_perform(), resume=False) as engine:
        store = engine.store
        with store.begin_write() as connection:
            connection.exec_driver_sql(
                "UPDATE runs SET attempt = 3, engine = 'dead', state = 'training'"
            )
    with Engine(tmp_path, make_checkpointing_perform()) as engine:
        assert engine.get(run_id).state is RunState.interrupted


def test_killed_command_line_leaves_nothing_that_a_server_would_go_on_with(tmp_path):
    ids = kill_child(tmp_path, is_training, perform="make_checkpointing_perform()", resume=False)
    with Engine(tmp_path, make_perform()) as engine:
        assert {engine.get(run_id).state for run_id in ids} == {RunState.interrupted}


def test_command_line_leaves_the_waiting_runs_of_a_dead_server_to_the_next_server(tmp_path):
    _, waiting = kill_child(tmp_path, is_training)
    with Engine(tmp_path, make_perform(), resume=False) as command_line:
        time.sleep(0.3)
        assert command_line.state(waiting) is RunState.queued
    with Engine(tmp_path, make_perform()) as server:
        assert server.wait(waiting, WAIT).state is RunState.finished


def test_run_whose_result_was_written_before_the_kill_keeps_it(tmp_path):
    (run_id,) = kill_child(tmp_path, is_training, runs=1)
    RunDirectory.locate(tmp_path, run_id).write_outcome(
        Outcome(RunState.finished, make_test_result(0.5))
    )
    with Engine(tmp_path, make_perform()) as engine:
        run = engine.get(run_id)
        assert (run.state, run.result) == (RunState.finished, make_test_result(0.5))


def test_run_that_was_stopping_when_its_process_died_does_not_start_again(tmp_path):
    (run_id,) = kill_child(tmp_path, is_training, perform="make_checkpointing_perform()", runs=1)
    with RunReader(tmp_path) as reader:
        reader.store.set_state(run_id, RunState.stopping)
    with Engine(tmp_path, make_checkpointing_perform()) as engine:
        assert engine.get(run_id).state is RunState.interrupted


def test_engine_that_dies_while_another_lives_is_found_by_it(tmp_path):
    with Engine(tmp_path, make_perform()) as living:
        process, (run_id,) = start_child(tmp_path, runs=1)
        wait_for(lambda: is_training(living, run_id))
        living.reconcile()
        assert living.state(run_id) is RunState.training
        process.kill()
        process.wait()
        process.stdout.close()
        living.reconcile()
        assert living.state(run_id) is RunState.interrupted


def test_processes_that_open_a_new_data_folder_at_once_all_get_in(tmp_path):
    script = f"""
        import sys, time
        from pathlib import Path
        sys.path[:0] = [{str(TESTS.parent)!r}]
        from transfer_core.runs.store.store import RunStore
        print("ready", flush=True)
        start = float(sys.stdin.readline())
        for number in range(30):
            time.sleep(max(0, start + number * 0.05 - time.time()))
            home = Path({str(tmp_path)!r}) / str(number)
            home.mkdir(exist_ok=True)
            RunStore(home).close()
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    start = time.time() + 0.2
    for process in processes:
        process.stdin.write(f"{start}\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0]


def test_engine_whose_data_folder_is_gone_says_so_once_in_plain_words(
    tmp_path, monkeypatch, caplog
):
    for module, name in (
        (engine_module, "HEARTBEAT_INTERVAL"),
        (engine_module, "RECONCILE_INTERVAL"),
        (worker, "POLL_INTERVAL"),
        (worker, "RETRY_INTERVAL"),
    ):
        monkeypatch.setattr(module, name, 0.01)
    monkeypatch.setenv("TRANSFER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    with Engine(tmp_path / "home", make_perform()) as engine:
        while (tmp_path / "home").exists():  # the engine writes into it meanwhile
            shutil.rmtree(tmp_path / "home", ignore_errors=True)
        engine.store.close()  # a connection that is open would go on with the removed file
        wait_for(lambda: len(caplog.records) >= 2)
        time.sleep(0.2)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2 and all("Check that it is there" in text for text in told)
    assert not any(record.exc_info for record in caplog.records)


def test_no_kill_loses_a_run_or_changes_its_result(tmp_path):
    server = Server([sys.executable, str(TESTS / "toy_server.py")], tmp_path)
    phases = [RunPhase(kind, kind, server, patience=WAIT) for kind in ("head", "whole")]
    file = tmp_path / "kills.jsonl"
    tally = try_kills(server, phases, 6, seed=3, tally=Tally(file))
    assert tally.faults == [] and Tally(file).kills == tally.kills
    assert tally.count_endings()["went on by itself"]
    assert "| all | 6 |" in tally.make_table() and tally.make_table().endswith("| 0 | 6 | 6 |")


def test_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path):
    directory = RunDirectory.locate(tmp_path, "0123456789abcdef")
    directory.checkpoints_folder.mkdir(parents=True)
    paths = [save_toy_checkpoint(directory, epoch) for epoch in (1, 2, 3)]
    assert not paths[0].exists()
    assert directory.find_latest_checkpoint() == paths[2]
    paths[2].write_bytes(paths[2].read_bytes()[:-1] + b"X")
    assert directory.find_latest_checkpoint() == paths[1]
    paths[1].write_text("no checkpoint at all")
    assert directory.find_latest_checkpoint() is None


def test_checkpoint_that_was_never_finished_is_not_one_and_is_swept(tmp_path):
    directory = RunDirectory.locate(tmp_path, "0123456789abcdef")
    directory.checkpoints_folder.mkdir(parents=True)
    (directory.checkpoints_folder / "epoch-000009.bin.part").write_text("half")
    assert directory.find_latest_checkpoint() is None
    directory.prepare("{}", 1)
    assert list(directory.checkpoints_folder.iterdir()) == []


def test_line_that_a_crash_tore_is_dropped_and_numbering_goes_on(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"sequence": 1, "kind": "started"}\n{"sequence": 2, "ki')
    file = EventFile(path)
    file.append(make_step(1, loss=float("nan")))
    file.close()
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith('{"sequence": 2, "time": ')


def test_checkpoint_that_the_run_removes_meanwhile_is_passed_over(tmp_path, monkeypatch):
    directory = RunDirectory.locate(tmp_path, "0123456789abcdef")
    directory.checkpoints_folder.mkdir(parents=True)
    save_toy_checkpoint(directory, 1)
    kept = save_toy_checkpoint(directory, 2)
    list_files = Path.glob

    def list_and_remove(self, pattern):
        found = list(list_files(self, pattern))
        next(path for path in found if path != kept).unlink()
        return found

    monkeypatch.setattr(Path, "glob", list_and_remove)
    assert directory.find_checkpoint_epoch() == 2
