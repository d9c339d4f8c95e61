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

from transfer_core.runs.engine.executor import Perform, StopRequested, report
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.store import RunStore
from transfer_core.runs.trackers.backends import OpenTracker, Tracker
from transfer_core.training.config import RunConfig
from transfer_core.training.settings_table import in_words

LAST_WORDS = 10.0  # seconds that the end of the program waits for what is not passed on yet
SCALARS = {  # event kind: name for the tracker of each of its values
    "stepped": {
        "loss": "training/loss", "accuracy": "training/accuracy",
        "learning_rate": "training/learning_rate", "images_per_second": "training/speed",
    },
    "epoch_ended": {
        "validation_loss": "validation/loss", "validation_accuracy": "validation/accuracy",
    },
}  # fmt: skip
FINAL = {"accuracy": "test/accuracy", "macro_f1": "test/macro_f1", "loss": "test/loss"}

_LOG = logging.getLogger(__name__)
_THREADS: WeakSet[threading.Thread] = WeakSet()


def logged(perform: Perform, open_tracker: OpenTracker, home: Path) -> Perform:
    """The same `perform`, whose reports also reach a tracker; see `trackers.tracker_of`.

    Whatever the tracker does, the run goes on: a failure is logged as a warning once,
    and the rest of that run is not passed on.
    """

    def performed(
        config: RunConfig, directory: RunDirectory, stop_requested: StopRequested
    ) -> Iterator[Any]:
        follower, state = _Follower(open_tracker, config, directory.id, home), "stopped"
        try:
            for event in perform(config, directory, stop_requested):
                follower.put(*report(event))
                yield event
            state = "stopped" if stop_requested() else "finished"
        except Exception:
            state = "failed"
            raise
        finally:
            follower.close(state)

    return performed


class _Follower:
    """A thread that hands one run's reports to a tracker."""

    def __init__(
        self, open_tracker: OpenTracker, config: RunConfig, run_id: str, home: Path
    ) -> None:
        self._open, self._config, self._id, self._home = open_tracker, config, run_id, home
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
            self._pass_on()
        except Exception as error:  # of a library, a disk or a server that is not ours
            _LOG.warning("run %s is not passed on to the tracker any more: %s", self._id, error)

    def _pass_on(self) -> None:
        store = RunStore(self._home)
        name = store.get(self._id).name
        store.close()
        tracker, final = self._open(self._id, name, in_words(self._config)), {}
        while (told := self._reports.get())[0] != "over":
            kind, values, when = told
            if kind == "tested":
                final = _named(values, FINAL)
            _tell(tracker, kind, values, when)
        tracker.end(final, told[1]["state"])


@atexit.register
def _last_words() -> None:
    end = time.monotonic() + LAST_WORDS
    for thread in tuple(_THREADS):
        thread.join(max(0.0, end - time.monotonic()))


def _tell(tracker: Tracker, kind: str, values: Mapping[str, Any], when: float) -> None:
    if scalars := _named(values, SCALARS.get(kind, {})):
        tracker.scalars(scalars, values["step"], when)


def _named(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, float]:
    return {name: values[key] for key, name in names.items() if values.get(key) is not None}
