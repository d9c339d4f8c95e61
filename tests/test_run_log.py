"""The shared copy of a run's log."""

import time
from concurrent.futures import ThreadPoolExecutor

from toy_runs import make_epoch, make_log, make_step

from transfer_core.runs.store.events import find_last_event, select_events
from transfer_core.runs.store.log import RunLog
from transfer_core.training import EpochEnded, Started, Stepped


class StubStore:
    """Stands for the store: tells what is newer, and counts how often it was asked."""

    def __init__(self):
        self.stored, self.asked = [], []

    def events(self, run_id, after=0):
        self.asked.append(after)
        return tuple(event for event in self.stored if event.sequence > after)


def test_only_newer_events_are_fetched_and_all_are_told():
    store = StubStore()
    log = RunLog(store, "run")
    store.stored = make_log(make_step(1), make_step(2))
    assert len(log.events()) == 2
    store.stored = make_log(make_step(1), make_step(2), make_epoch(2))
    assert [event.sequence for event in log.events()] == [1, 2, 3]
    assert store.asked == [0, 2]


def test_a_log_that_grows_selects_what_the_whole_one_does():
    store = StubStore()
    log = RunLog(store, "run")
    told = [make_step(1), make_epoch(1), make_step(2), make_step(3), make_epoch(3), make_step(2)]
    for count in range(1, len(told) + 1):  # resumed: step 2 is told again, instead of what followed
        store.stored = make_log(*told[:count])
        for event_type in (Stepped, EpochEnded, Started):
            selected = select_events(store.stored, event_type)
            assert select_events(log.events(), event_type) == selected
            last = find_last_event(store.stored, event_type)
            assert find_last_event(log.events(), event_type) == last
    assert len(select_events(log.events(), Stepped)) == 2


def test_many_who_watch_share_one_read_for_a_moment():
    store = StubStore()
    log = RunLog(store, "run")
    store.stored = make_log(make_step(1))
    assert [len(log.events(max_age=60)) for _ in range(30)] == [1] * 30
    assert store.asked == [0]
    store.stored = make_log(make_step(1), make_step(2))
    assert len(log.events(max_age=60)) == 1
    assert len(log.events()) == 2  # who wants all gets all


def test_thirty_watchers_at_once_compute_once_until_something_new_is_told():
    store, calls = StubStore(), []
    log = RunLog(store, "run")

    def count_events(events):
        calls.append(len(events))
        time.sleep(0.02)  # long enough that the others come meanwhile
        return len(events)

    def watch(_watcher):
        return log.compute_once("count", count_events, log.events())

    with ThreadPoolExecutor(30) as watchers:
        store.stored = make_log(make_step(1))
        assert list(watchers.map(watch, range(30))) == [1] * 30
        store.stored = make_log(make_step(1), make_epoch(1))
        assert list(watchers.map(watch, range(30))) == [2] * 30
    assert calls == [1, 2]


def test_what_may_be_older_is_not_computed_anew_for_every_event():
    store = StubStore()
    log = RunLog(store, "run")
    store.stored = make_log(make_step(1))
    assert log.compute_once("count", len, log.events()) == 1
    store.stored = make_log(make_step(1), make_step(2))
    assert log.compute_once("count", len, log.events(), max_age=60) == 1
    assert log.compute_once("count of others", len, log.events()) == 2
    assert log.compute_once("count", len, log.events()) == 2
