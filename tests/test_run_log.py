"""The shared copy of a run's log."""

from toy_runs import make_epoch, make_log, make_step

from transfer_core.runs.store.log import RunLog


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


def test_what_is_derived_is_computed_once_until_something_new_is_told():
    store, calls = StubStore(), []
    log = RunLog(store, "run")

    def count_events(events):
        calls.append(len(events))
        return len(events)

    store.stored = make_log(make_step(1))
    assert [log.compute_once(count_events, log.events()) for _ in range(3)] == [1, 1, 1]
    store.stored = make_log(make_step(1), make_epoch(1))
    assert log.compute_once(count_events, log.events()) == 2
    assert calls == [1, 2]
