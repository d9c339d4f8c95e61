"""Forward the events of a run to an experiment tracker; the training never waits for it."""

import atexit
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from weakref import WeakSet

from transfer_core.runs.engine.executor import RunFunction, StopRequested
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import ReportedEvent
from transfer_core.runs.store.store import RunStore
from transfer_core.runs.trackers.backends import TrackerFactory
from transfer_core.training import EpochEnded, RunConfig, Stepped, TestResult, describe_settings

SHUTDOWN_TIMEOUT = 10.0  # seconds that the program waits at its end for events not yet forwarded
EVENT_METRICS = {  # name for the tracker of each field of an event
    Stepped: {
        "loss": "training/loss",
        "accuracy": "training/accuracy",
        "learning_rate": "training/learning_rate",
        "images_per_second": "training/speed",
    },
    EpochEnded: {
        "validation_loss": "validation/loss",
        "validation_accuracy": "validation/accuracy",
    },
}
TEST_METRICS = {"accuracy": "test/accuracy", "macro_f1": "test/macro_f1", "loss": "test/loss"}

_LOG = logging.getLogger(__name__)
_THREADS: WeakSet[threading.Thread] = WeakSet()


def log_to_tracker(
    run_function: RunFunction, tracker_factory: TrackerFactory, home: Path
) -> RunFunction:
    """Return a run function whose events also reach a tracker; see `parse_tracker_setting`.

    A failure of the tracker never ends the run: it is logged once as a warning, and the
    remaining events of that run are not forwarded.
    """

    def run_and_log(
        config: RunConfig, directory: RunDirectory, stop_requested: StopRequested
    ) -> Iterator[ReportedEvent]:
        follower, state = _TrackerThread(tracker_factory, config, directory.id, home), "stopped"
        try:
            for event in run_function(config, directory, stop_requested):
                follower.put(event)
                yield event
            state = "stopped" if stop_requested() else "finished"
        except Exception:
            state = "failed"
            raise
        finally:
            follower.close(state)

    return run_and_log


class _TrackerThread:
    """A thread that forwards one run's events to a tracker."""

    def __init__(
        self, tracker_factory: TrackerFactory, config: RunConfig, run_id: str, home: Path
    ) -> None:
        self._open, self._config, self._id, self._home = tracker_factory, config, run_id, home
        # Events with their times in seconds since 1970; last the state of the run, as text.
        self._reports: SimpleQueue[tuple[ReportedEvent | str, float]] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"tracker-{run_id}", daemon=True)
        self._thread.start()
        _THREADS.add(self._thread)

    def put(self, event: ReportedEvent) -> None:
        """Queue an event for the tracker."""
        self._reports.put((event, time.time()))

    def close(self, state: str) -> None:
        """Queue the end of the run: "finished", "stopped" or "failed"."""
        self._reports.put((state, time.time()))

    def _work(self) -> None:
        try:
            self._forward_events()
        except Exception as error:  # of the tracker's library, disk or server
            _LOG.warning("run %s is not passed on to the tracker any more: %s", self._id, error)

    def _forward_events(self) -> None:
        store = RunStore(self._home)
        name = store.get(self._id).name
        store.close()
        tracker, metrics = self._open(self._id, name, describe_settings(self._config)), {}
        while not isinstance((report := self._reports.get())[0], str):
            event, timestamp = report
            if isinstance(event, TestResult):
                metrics = _collect_metrics(event, TEST_METRICS)
            elif scalars := _collect_metrics(event, EVENT_METRICS.get(type(event), {})):
                tracker.log_metrics(scalars, event.step, timestamp)
        tracker.end(metrics, report[0])


@atexit.register
def _join_threads() -> None:
    end = time.monotonic() + SHUTDOWN_TIMEOUT
    for thread in tuple(_THREADS):
        thread.join(max(0.0, end - time.monotonic()))


def _collect_metrics(event: ReportedEvent, names: Mapping[str, str]) -> dict[str, float]:
    """Return the fields that a tracker takes under its names, unless None."""
    values = {name: getattr(event, field) for field, name in names.items()}
    return {name: value for name, value in values.items() if value is not None}
