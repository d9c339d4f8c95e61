"""The engine: order, stopping, failing, fairness, and a disk that says no."""

import asyncio
import itertools
import json
import threading
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa
from toy_runs import (
    list_kinds,
    make_checkpointing_perform,
    make_config,
    make_perform,
    make_test_result,
)

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.errors import DataSetError, RunError
from transfer_core.networks import get_network
from transfer_core.runs import launch
from transfer_core.runs.engine import event_writer, run_times
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.engine.lanes import Lane
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.events import select_events
from transfer_core.runs.store.records import Failed, RunState, StateChanged
from transfer_core.runs.stored_texts import WAITING_FOR_TURN
from transfer_core.system import TrainingTurn
from transfer_core.training import Preparing

WAIT = 10.0  # seconds until a test gives up


def list_states(engine, run_id):
    """The states that a run's log tells, in order."""
    return [e.state for e in select_events(engine.events(run_id), StateChanged)]


def wait_for(condition, seconds=WAIT):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_run_tells_its_whole_story_in_order(tmp_path):
    with Engine(tmp_path, make_perform(epochs=2)) as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert run.state is RunState.finished
        assert list_kinds(engine.events(run.id)) == [
            "StateChanged",
            "StateChanged",
            "Preparing",
            "StateChanged",
            "Started",
            "Stepped",
            "EpochEnded",
            "Stepped",
            "EpochEnded",
            "Ended",
            "TestResult",
            "StateChanged",
        ]
        assert list_states(engine, run.id) == ["queued", "preparing", "training", "finished"]
        assert run.result == make_test_result()
        assert run.created <= run.started <= run.ended


def test_run_directory_holds_the_whole_contract(tmp_path):
    with Engine(tmp_path, make_perform(epochs=2)) as engine:
        run = engine.wait(engine.submit(make_config(seed=5)), WAIT)
        directory = engine.directory(run.id)
    assert json.loads(directory.spec_file.read_text())["config"]["seed"] == 5
    lines = [json.loads(line) for line in directory.events_file.read_text().splitlines()]
    assert [line["sequence"] for line in lines] == list(range(1, 9))
    assert lines[-1]["values"]["accuracy"] == 0.875
    result = json.loads(directory.result_file.read_text())
    assert (result["state"], result["result"]["accuracy"]) == ("finished", 0.875)
    assert set(result["files"]) == {"spec.json", "events.jsonl"}


def test_event_is_in_the_store_within_a_third_of_a_second(tmp_path):
    yielded = threading.Event()

    def perform(config, directory, stop_requested):
        for event in make_perform(epochs=1)(config, directory, stop_requested):
            yield event
            if type(event).__name__ == "Stepped":
                yielded.set()
                time.sleep(1)

    with Engine(tmp_path, perform) as engine:
        run_id = engine.submit(make_config())
        assert yielded.wait(WAIT)
        time.sleep(0.3)
        assert list_kinds(engine.events(run_id))[-1] == "Stepped"


def test_82_a_clock_that_runs_backwards_changes_no_order(tmp_path, monkeypatch):
    now = itertools.count(2_000_000_000, -3600)
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    with Engine(tmp_path, make_perform(epochs=2)) as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert run.state is RunState.finished and run.seconds == 0
        assert [entry.sequence for entry in engine.events(run.id)] == list(range(1, 13))
        assert list_states(engine, run.id) == ["queued", "preparing", "training", "finished"]


def test_two_readers_follow_the_same_live_run(tmp_path):
    with Engine(tmp_path, make_perform(epochs=5, pause=0.05)) as engine:
        run_id = engine.submit(make_config())
        logs = [[], []]
        readers = [
            threading.Thread(target=lambda log=log: log.extend(engine.follow(run_id)))
            for log in logs
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(WAIT)
        assert logs[0] == logs[1] == list(engine.events(run_id))
        assert logs[0][-1].event == StateChanged(RunState.finished, "Finished.")


def test_stopping_a_training_run_keeps_its_result_within_a_second(tmp_path):
    with Engine(tmp_path, make_perform(epochs=10_000, pause=0.02)) as engine:
        run_id = engine.submit(make_config())
        wait_for(lambda: "Stepped" in list_kinds(engine.events(run_id)))
        began = time.monotonic()
        for _ in range(10):
            engine.stop(run_id)
        run = engine.wait(run_id, WAIT)
        assert time.monotonic() - began < 1
        assert run.state is RunState.stopped
        assert run.result.accuracy == 0.875
        assert list_kinds(engine.events(run_id))[-3:] == ["Ended", "TestResult", "StateChanged"]
        assert list_states(engine, run_id)[-3:] == ["training", "stopping", "stopped"]
        engine.stop(run_id)
        assert engine.state(run_id) is RunState.stopped


def test_run_that_is_stopped_while_it_waits_never_starts(tmp_path):
    with Engine(tmp_path, make_perform(epochs=10_000, pause=0.02)) as engine:
        first, second = engine.submit(make_config()), engine.submit(make_config())
        assert engine.queue_position(second) in (1, 2)
        engine.stop(second)
        assert engine.state(second) is RunState.stopped
        engine.stop(first)
        engine.wait(first, WAIT)
        time.sleep(0.2)
        assert list_states(engine, second) == ["queued", "stopped"]
        assert engine.queue_position(second) is None


def test_stop_file_stops_a_run_from_outside(tmp_path):
    with Engine(tmp_path, make_perform(epochs=10_000, pause=0.02)) as engine:
        run_id = engine.submit(make_config())
        wait_for(lambda: engine.state(run_id) is RunState.training)
        engine.directory(run_id).stop_file.touch()
        assert engine.wait(run_id, WAIT).state is RunState.stopped


def test_stop_file_that_cannot_be_written_does_not_keep_a_run_from_stopping(tmp_path, monkeypatch):
    def full(directory):
        raise OSError(28, "No space left on device")

    with (
        Engine(tmp_path, make_perform(epochs=10_000, pause=0.02)) as engine,
        Engine(tmp_path, make_perform()) as other,
    ):
        run_id = engine.submit(make_config())
        wait_for(lambda: engine.state(run_id) is RunState.training)
        monkeypatch.setattr(RunDirectory, "request_stop", full)
        with pytest.raises(RunError, match="No space left"):
            other.stop(run_id)
        engine.stop(run_id)
        assert engine.wait(run_id, WAIT).state is RunState.stopped


def test_another_engine_stops_a_run_that_is_not_its_own(tmp_path):
    with Engine(tmp_path, make_perform(epochs=10_000, pause=0.02)) as server:
        run_id = server.submit(make_config())
        wait_for(lambda: server.state(run_id) is RunState.training)
        with Engine(tmp_path, make_perform()) as other:
            other.reconcile()
            assert other.state(run_id) is RunState.training
            other.stop(run_id)
            assert other.wait(run_id, WAIT).state is RunState.stopped


def test_each_of_two_engines_runs_only_what_was_submitted_to_it(tmp_path):
    with (
        Engine(tmp_path, make_perform()) as one,
        Engine(tmp_path, make_perform(fail_in_epoch=1)) as two,
    ):
        mine, other = one.submit(make_config()), two.submit(make_config())
        assert one.wait(mine, WAIT).state is RunState.finished
        assert one.wait(other, WAIT).state is RunState.failed


def test_run_that_stops_before_anything_was_learned_has_no_result(tmp_path):
    def perform(config, directory, stop_requested):
        while not stop_requested():
            time.sleep(0.01)
        yield from ()

    with Engine(tmp_path, perform) as engine:
        run_id = engine.submit(make_config())
        wait_for(lambda: engine.state(run_id) is RunState.preparing)
        engine.stop(run_id)
        run = engine.wait(run_id, WAIT)
        assert (run.state, run.result) == (RunState.stopped, None)


def test_error_that_a_person_can_mend_is_told_in_its_own_words(tmp_path):
    error = DataSetError("The images are gone.", found="data set x", remedy="Upload them again.")
    with Engine(tmp_path, make_perform(fail_in_epoch=2, error=error)) as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert run.state is RunState.failed
        assert run.error == Failed("The images are gone.", "data set x", "Upload them again.")
        failed, last = (entry.event for entry in engine.events(run.id)[-2:])
        assert failed == run.error
        assert last == StateChanged(RunState.failed, "The images are gone.")


def test_fault_of_the_program_is_told_plainly_and_its_traceback_goes_to_the_log(tmp_path):
    with Engine(tmp_path, make_perform(fail_in_epoch=1)) as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert run.state is RunState.failed
        assert "fault in the program" in run.error.problem
        assert "/secret/place" not in str(run.error)
        assert "Traceback" in engine.directory(run.id).log_file.read_text()
        # The thread lives on.
        assert engine.wait(engine.submit(make_config()), WAIT).state is RunState.failed


def test_memory_that_runs_out_fails_only_that_run(tmp_path):
    with Engine(tmp_path, make_perform(fail_in_epoch=1, error=MemoryError())) as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert "smaller batch size" in run.error.remedy


def test_two_owners_take_turns(tmp_path):
    gate = threading.Event()

    def perform(config, directory, stop_requested):
        gate.wait(WAIT)
        yield from make_perform(epochs=1)(config, directory, stop_requested)

    with Engine(tmp_path, perform) as engine:
        ann = [engine.submit(make_config(n), owner="ann") for n in range(3)]
        wait_for(lambda: engine.state(ann[0]) is RunState.preparing)
        bob = [engine.submit(make_config(n), owner="bob") for n in range(2)]
        assert [engine.queue_position(run_id) for run_id in (*ann, *bob)] == [None, 2, 4, 1, 3]
        gate.set()
        runs = [engine.wait(run_id, WAIT) for run_id in (*ann, *bob)]
        begun = sorted(runs, key=lambda run: run.started)
        assert [run.owner for run in begun] == ["ann", "bob", "ann", "bob", "ann"]


def test_twenty_runs_of_five_owners_on_two_slots_run_exactly_once_each(tmp_path):
    seen, at_once, most, lock = [], [0], [0], threading.Lock()

    def perform(config, directory, stop_requested):
        with lock:
            seen.append(directory.id)
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        yield from make_perform(epochs=1, pause=0.01)(config, directory, stop_requested)
        with lock:
            at_once[0] -= 1

    with Engine(tmp_path, perform, lanes=(None, None)) as engine:
        ids = [engine.submit(make_config(n), owner=f"owner {n % 5}") for n in range(20)]
        assert {engine.wait(run_id, WAIT).state for run_id in ids} == {RunState.finished}
    assert sorted(seen) == sorted(ids)
    assert most[0] == 2


def plan_whole_training():
    """The strategy of a run that takes turns with experiments."""
    source = get_network("demonstration")
    return plan_strategy(TransferCase.LARGE_SIMILAR, source.stage_names, kind=source.kind)


def test_a_run_waits_until_earlier_trainings_of_an_experiment_have_ended(tmp_path, monkeypatch):
    perform = make_perform(epochs=2)
    monkeypatch.setattr(
        launch,
        "perform_run",
        lambda config, folder, home, stop: perform(config, RunDirectory(folder), stop),
    )
    with launch.start_engine(tmp_path) as engine:
        with TrainingTurn() as first, TrainingTurn() as stopped:
            assert not first.is_waiting and stopped.is_waiting
            run_id = engine.submit(replace(make_config(), strategy=plan_whole_training()))
            waits = Preparing(WAITING_FOR_TURN, 0, 1)
            wait_for(lambda: waits in [entry.event for entry in engine.events(run_id)])
            stopped.wait(lambda: True)
            with TrainingTurn() as last:
                assert last.is_waiting and engine.get(run_id).state is RunState.preparing
        assert engine.wait(run_id, WAIT).state is RunState.finished


def test_short_runs_do_not_wait_for_long_ones_and_long_ones_are_told_how_long_they_wait(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(run_times, "FRESH_SECONDS", 0.0)
    source, case = get_network("demonstration"), TransferCase.SMALL_SIMILAR
    of_seconds = plan_strategy(case, source.stage_names, kind=source.kind)

    def perform(config, directory, stop_requested):
        epochs = 2 if config.strategy == of_seconds else 10_000
        return make_perform(epochs, 0.01)(config, directory, stop_requested)

    with Engine(tmp_path, perform, lanes=(Lane.short, Lane.long)) as engine:
        long = replace(make_config(), strategy=plan_whole_training())
        first, second, third = (engine.submit(long, owner="ann") for _ in range(3))
        short = engine.submit(replace(make_config(), strategy=of_seconds), owner="ann")
        assert engine.wait(short, WAIT).state is RunState.finished
        assert engine.state(first) is RunState.training
        assert [engine.queue_position(each) for each in (first, second, third)] == [None, 1, 2]
        assert engine.forecast_wait(first) is None  # it runs
        wait_for(lambda: engine.forecast_wait(second) == 1.0)  # that the first says it still takes
        # The second is expected to take as long as the first, which is like it.
        assert 1.0 < engine.forecast_wait(third) - 1.0 < 1.0 + WAIT


def test_double_submit_with_one_key_runs_once(tmp_path):
    with Engine(tmp_path, make_perform()) as engine:
        first = engine.submit(make_config(), owner="ann", idempotency_key="form-1")
        assert engine.submit(make_config(), owner="ann", idempotency_key="form-1") == first
        engine.wait(first, WAIT)
        assert engine.submit(make_config(), owner="ann", idempotency_key="form-1") == first
        assert len(engine.list_runs()) == 1


@pytest.mark.parametrize("forged", ["../x", "0123456789abcdef", "nothing", None])
def test_forged_id_is_refused_whatever_is_asked(tmp_path, forged):
    with Engine(tmp_path, make_perform()) as engine:
        for ask in (
            engine.stop,
            engine.get,
            engine.events,
            engine.queue_position,
            engine.wait,
            engine.directory,
            lambda i: next(engine.follow(i)),
        ):
            with pytest.raises(RunError, match="There is no such run"):
                ask(forged)


def test_database_that_is_full_ends_the_run_which_keeps_its_result(tmp_path, monkeypatch):
    monkeypatch.setattr(event_writer, "PATIENCE", 0.05)

    def limit(connection, _record):
        connection.execute("PRAGMA max_page_count = 1")  # never less than there are pages

    def talkative(config, directory, stop_requested):
        perform = make_perform(epochs=30_000, pause=0.001)
        yield from (e for e in perform(config, directory, stop_requested))

    with Engine(tmp_path, talkative) as engine:
        sa.event.listen(engine.store._database, "connect", limit)
        engine.store.close()
        try:
            run_id = engine.submit(make_config())
            wait_for(lambda: engine.directory(run_id).result_file.exists())
        finally:  # space is there again
            sa.event.remove(engine.store._database, "connect", limit)
            engine.store.close()
        run = engine.wait(run_id, WAIT)
        assert (run.state, run.result) == (RunState.stopped, make_test_result())
        assert "full" in run.error.found and "could not be written" in run.error.problem
        again = engine.submit(make_config())
        wait_for(lambda: engine.state(again) is RunState.training)


def test_file_that_cannot_be_written_fails_the_run_and_the_engine_goes_on(tmp_path):
    (tmp_path / "runs").write_text("a file where the folder of runs should be")
    with Engine(tmp_path, make_perform()) as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert run.state is RunState.failed
        assert "space" in run.error.remedy
        (tmp_path / "runs").unlink()
        assert engine.wait(engine.submit(make_config()), WAIT).state is RunState.finished


def test_nth_write_that_fails_never_leaves_a_run_without_its_end(tmp_path, monkeypatch):
    with Engine(tmp_path, make_perform(epochs=1, pause=0.06)) as engine:
        writing = engine.store.begin_write
        for nth in range(1, 7):
            run_id, calls = engine.submit(make_config()), [0]

            def fails_once(nth=nth, calls=calls):
                calls[0] += 1
                if calls[0] == nth:
                    raise sa.exc.OperationalError("", {}, Exception("disk I/O error"))
                return writing()

            monkeypatch.setattr(engine.store, "begin_write", fails_once)
            run = engine.wait(run_id, WAIT)
            assert run.state in (RunState.failed, RunState.finished)
            assert list_states(engine, run_id).count(run.state) == 1
            monkeypatch.setattr(engine.store, "begin_write", writing)


def test_run_without_a_result_is_a_fault_and_not_a_success(tmp_path):
    def perform(config, directory, stop_requested):
        yield next(iter(make_perform()(config, directory, stop_requested)))

    with Engine(tmp_path, perform) as engine:
        assert engine.wait(engine.submit(make_config()), WAIT).state is RunState.failed


def test_server_that_ends_closes_its_engines_and_their_runs_wait_to_continue(tmp_path, monkeypatch):
    import app

    monkeypatch.setenv("TRANSFER_HOME", str(tmp_path))
    monkeypatch.setattr(app, "warm_up", lambda: None)
    perform = make_checkpointing_perform()
    engine = Engine(tmp_path, perform)
    run_id = engine.submit(make_config())
    wait_for(lambda: engine.directory(run_id).find_checkpoint_epoch())

    async def serve():
        async with app.run_beside(app.app):
            assert engine.state(run_id) is RunState.training

    asyncio.run(serve())
    assert engine.state(run_id) is RunState.queued  # for the next server
    with pytest.raises(RunError, match="shutting down"):
        engine.submit(make_config())
    with Engine(tmp_path, make_checkpointing_perform(epochs=1)) as following:
        assert following.wait(run_id, WAIT).state is RunState.finished


def test_closing_twice_is_fine_and_a_closed_engine_takes_no_run(tmp_path):
    engine = Engine(tmp_path, make_perform())
    engine.close()
    engine.close()
    with pytest.raises(RunError, match="shutting down"):
        engine.submit(make_config())


def test_training_thread_closes_its_loop_when_the_engine_closes(tmp_path):
    closed = threading.Event()

    def perform(config, directory, stop_requested):
        try:
            yield from make_perform(epochs=10_000, pause=0.02)(config, directory, stop_requested)
        finally:
            closed.set()

    with Engine(tmp_path, perform) as engine:
        run_id = engine.submit(make_config())
        wait_for(lambda: engine.state(run_id) is RunState.training)
        threads = engine._threads
    assert closed.is_set()
    assert not any(thread.is_alive() for thread in threads)
    assert engine.get(run_id).state is RunState.interrupted
