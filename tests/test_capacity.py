"""What runs where, what waits, and the device time that runs cost."""

import os
import time
from dataclasses import replace

import pytest
from toy_runs import make_config, make_perform, make_step

from transfer_core.runs.engine import run_times
from transfer_core.runs.engine.capacity import read_capacity
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.engine.lanes import Lane
from transfer_core.runs.engine.recovery import restore_events
from transfer_core.runs.engine.run_times import RunTimes
from transfer_core.runs.engine.thread_executor import ThreadExecutor
from transfer_core.runs.store.device_time import (
    Occupation,
    find_occupations,
    list_occupations,
    sum_device_seconds,
)
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import EventFile
from transfer_core.runs.store.records import RunState, StateChanged
from transfer_core.runs.store.schema import RUNS
from transfer_core.runs.store.store import RunStore
from transfer_core.runs.stored_texts import WAITING_FOR_CLUSTER
from transfer_core.system import Hardware, list_hardware
from transfer_core.training import Preparing, Started

GPUS = tuple(Hardware(f"cuda:{number}", "Fast", 80 << 30, None) for number in range(2))
WAITS = Preparing(WAITING_FOR_CLUSTER, 0, 1)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("queued", []),
        ("queued preparing . . training .", [(1, None)]),
        ("queued preparing . training . finished", [(1, 5)]),
        ("queued stopped", []),
        # The process died after its last word; the server told so later, and began again.
        ("queued preparing training . queued preparing . failed", [(1, 3), (5, 7)]),
        ("queued preparing training . interrupted", [(1, 3)]),
        # It waits for a place in a cluster, loses it, and is stopped while it waits for another.
        ("preparing waits . training . preparing waits", [(0, 1), (2, 6)]),
        ("preparing waits . training . waits stopping stopped", [(0, 1), (2, 5)]),
    ],
)
def test_every_attempt_counts_and_no_waiting_does(log, expected):
    words = {"waits": WAITS, ".": None}
    events = [words[w] if w in words else StateChanged(RunState(w)) for w in log.split()]
    assert find_occupations(enumerate(events)) == tuple(Occupation(*each) for each in expected)


def test_device_time_is_multiplied_by_the_devices_and_goes_on_until_the_end(tmp_path):
    with RunStore(tmp_path).connect() as _, Engine(tmp_path, make_perform(2, 0.05)) as engine:
        run = engine.wait(engine.submit(make_config()), 60)
        (occupation,) = list_occupations(engine.store, run.id)
    assert occupation.end == pytest.approx(run.ended, abs=0.1)
    assert run.started <= occupation.start + 0.1 and occupation.end - occupation.start > 0.1
    four = replace(run, config=replace(run.config, device="cuda", devices=4))
    times = Occupation(10.0, 15.0), Occupation(20.0, None)
    assert sum_device_seconds(run, times, now=30.0) == 15.0
    assert sum_device_seconds(four, times, now=30.0) == 60.0


def test_what_a_dead_server_left_unread_happened_when_it_was_written(tmp_path):
    store = RunStore(tmp_path)
    run = store.create(make_config(), engine="dead")
    directory = RunDirectory.locate(tmp_path, run.id)
    directory.prepare("{}", 1)
    file = EventFile(directory.events_file)
    file.append(make_step(1))
    file.close()
    then = time.time() - 3600
    os.utime(directory.events_file, (then, then))
    restore_events(store, directory, run)
    assert store.events(run.id)[-1].time == pytest.approx(then, abs=1)


def test_this_computer_has_a_processor_with_a_name():
    processor = list_hardware()[0]
    assert processor.key == "cpu" and processor.name and processor.cores == os.cpu_count()
    assert processor.memory is None or processor.memory > 1 << 28


def test_a_run_on_two_gpus_keeps_both_busy_and_what_waits_stands_in_order(tmp_path, monkeypatch):
    module = "transfer_core.runs.engine.capacity"
    processor = Hardware("cpu", "Slow", None, 2)
    monkeypatch.setattr(f"{module}.list_hardware", lambda: (processor, *GPUS))
    monkeypatch.setattr(f"{module}.choose_device", lambda: "cuda")
    lanes = (Lane.short, Lane.long)
    with Engine(tmp_path, make_perform(), lanes=lanes) as engine:
        one = replace(make_config(), device="cuda")
        two, other = replace(one, devices=2), replace(one, input_size=64)
        waiting = (two, one, one, other, one)
        first, second, slow, soon, unknown = (
            engine.store.create(each, engine="e").id for each in waiting
        )
        for run_id in (first, second):
            engine.store.set_state(run_id, RunState.preparing, started=time.time())
        engine.store.append(first, [Started(4, 1, 6, 2, 10, 100, "cuda"), make_step(3)])
        engine.store.set_state(first, RunState.training)
        engine.store.append(second, [WAITS])
        kinds = {first: Lane.long, slow: Lane.long}
        engine._lanes._lanes.update({each: Lane.short for each in (second, soon, unknown)} | kinds)
        monkeypatch.setattr(
            engine._times, "forecast", lambda config: 7.0 if config == one else None
        )
        executor = ThreadExecutor(make_perform(), 2)
        capacity = read_capacity(engine, executor, "e", lanes)
    assert [place.name for place in capacity.places] == ["Slow", "Fast", "Fast"]
    assert [len(place.runs) for place in capacity.places] == [0, 2, 1]
    assert [(place.at_once, place.free) for place in capacity.places] == [(0, ()), (2, ()), (0, ())]
    trains, waits = capacity.places[1].runs
    assert trains.record.id == first and trains.progress == 0.75 and trains.since
    assert waits.record.id == second and waits.since is None
    told = [(each.record.id, each.lane, each.seconds) for each in capacity.queue]
    assert told[0] == (slow, Lane.long, 1.0)  # that the first says it still takes
    assert told[1][:2] == (soon, Lane.short) and told[1][2] <= 7.0
    assert told[2] == (unknown, Lane.short, None)  # nobody knows the time of the one before


def test_a_run_is_expected_to_take_as_long_as_one_like_it(tmp_path, monkeypatch):
    monkeypatch.setattr(run_times, "FRESH_SECONDS", 0.0)
    store, config = RunStore(tmp_path), make_config(seed=3)
    times = RunTimes(store, tmp_path)
    assert times.forecast(config) is None
    store.create(make_config())
    with store.begin_write() as connection:
        connection.execute(RUNS.update().values(config="{", state=RunState.finished, attempt=1))
    trains = store.create(make_config()).id
    with store.begin_write() as connection:
        row = RUNS.update().where(RUNS.c.id == trains)
        begun = {"state": RunState.training, "started": time.time() - 60, "attempt": 1}
        connection.execute(row.values(**begun))
    assert times.forecast(config) is None  # it has not said how long it takes
    store.append(trains, [make_step(1, seconds_left=30.0)])
    assert times.forecast(config) == pytest.approx(90, abs=5)
    ended = store.create(make_config(seed=1)).id
    with store.begin_write() as connection:
        row = RUNS.update().where(RUNS.c.id == ended)
        over = {"state": RunState.finished, "started": 100.0, "ended": 107.0, "attempt": 1}
        connection.execute(row.values(**over))
    assert times.forecast(config) == 7.0  # rather than one that may end otherwise
    assert times.forecast(replace(config, input_size=64)) is None
