"""Pass what a run reports on to an experiment tracker, which the training never waits for."""

import atexit
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from weakref import WeakSet

from transfer_core.runs.engine.executor import RunFunction, StopRequested, to_event_payload
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.store import RunStore
from transfer_core.runs.trackers.backends import Tracker, TrackerFactory
from transfer_core.training.config import RunConfig
from transfer_core.training.settings_table import describe_settings

SHUTDOWN_TIMEOUT = 10.0  # seconds that the end of the program waits for what is not passed on yet
EVENT_METRICS = {  # event kind: name for the tracker of each of its values
    "stepped": {
        "loss": "training/loss",
        "accuracy": "training/accuracy",
        "learning_rate": "training/learning_rate",
        "images_per_second": "training/speed",
    },
    "epoch_ended": {
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
    """The same `run_function`, whose reports also reach a tracker; see `trackers.tracker_of`.

    Whatever the tracker does, the run goes on: a failure is logged as a warning once,
    and the rest of that run is not passed on.
    """

    def run_and_log(
        config: RunConfig, directory: RunDirectory, stop_requested: StopRequested
    ) -> Iterator[Any]:
        follower, state = _TrackerThread(tracker_factory, config, directory.id, home), "stopped"
        try:
            for event in run_function(config, directory, stop_requested):
                follower.put(*to_event_payload(event))
                yield event
            state = "stopped" if stop_requested() else "finished"
        except Exception:
            state = "failed"
            raise
        finally:
            follower.close(state)

    return run_and_log


class _TrackerThread:
    """A thread that hands one run's reports to a tracker."""

    def __init__(
        self, tracker_factory: TrackerFactory, config: RunConfig, run_id: str, home: Path
    ) -> None:
        self._open, self._config, self._id, self._home = tracker_factory, config, run_id, home
        self._reports: SimpleQueue[tuple[str, Mapping[str, Any], float]] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"tracker-{run_id}", daemon=True)
        self._thread.start()
        _THREADS.add(self._thread)

    def put(self, kind: str, values: Mapping[str, Any]) -> None:
        """Pass a report on soon."""
        self._reports.put((kind, values, time.time()))

    def close(self, state: str) -> None:
        """Tell how the run ended, soon."""
        self.put("over", {"state": state})

    def _work(self) -> None:
        try:
            self._forward_events()
        except Exception as error:  # of a library, a disk or a server that is not ours
            _LOG.warning("run %s is not passed on to the tracker any more: %s", self._id, error)

    def _forward_events(self) -> None:
        store = RunStore(self._home)
        name = store.get(self._id).name
        store.close()
        tracker, final = self._open(self._id, name, describe_settings(self._config)), {}
        while (told := self._reports.get())[0] != "over":
            kind, values, when = told
            if kind == "tested":
                final = _rename_metrics(values, TEST_METRICS)
            _log_metrics(tracker, kind, values, when)
        tracker.end(final, told[1]["state"])


@atexit.register
def _join_threads() -> None:
    end = time.monotonic() + SHUTDOWN_TIMEOUT
    for thread in tuple(_THREADS):
        thread.join(max(0.0, end - time.monotonic()))


def _log_metrics(tracker: Tracker, kind: str, values: Mapping[str, Any], timestamp: float) -> None:
    if scalars := _rename_metrics(values, EVENT_METRICS.get(kind, {})):
        tracker.scalars(scalars, values["step"], timestamp)


def _rename_metrics(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, float]:
    return {name: values[key] for key, name in names.items() if values.get(key) is not None}
