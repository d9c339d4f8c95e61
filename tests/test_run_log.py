"""The shared copy of a run's log."""

from transfer_core.runs.store.log import RunLog
from transfer_core.runs.store.records import RunEvent


class StubReader:
    """Stands for the store: tells what is newer, and counts how often it was asked."""

    def __init__(self):
        self.stored, self.asked = [], []

    def events(self, run_id, after=0):
        self.asked.append(after)
        return tuple(event for event in self.stored if event.sequence > after)


def test_only_newer_events_are_fetched_and_all_are_told():
    reader = StubReader()
    log = RunLog(reader, "run")
    reader.stored = [RunEvent(1, 0.0, "started", {}), RunEvent(2, 0.0, "stepped", {})]
    assert len(log.events()) == 2
    reader.stored.append(RunEvent(3, 0.0, "ended", {}))
    assert [event.sequence for event in log.events()] == [1, 2, 3]
    assert reader.asked == [0, 2]


def test_what_is_derived_is_computed_once_until_something_new_is_told():
    reader, calls = StubReader(), []
    log = RunLog(reader, "run")

    def count_events(events):
        calls.append(len(events))
        return len(events)

    reader.stored = [RunEvent(1, 0.0, "started", {})]
    assert [log.compute_once(count_events, log.events()) for _ in range(3)] == [1, 1, 1]
    reader.stored.append(RunEvent(2, 0.0, "ended", {}))
    assert log.compute_once(count_events, log.events()) == 2
    assert calls == [1, 2]
