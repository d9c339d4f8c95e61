"""Reads the runs of a data folder, from any process, without performing any."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep, time
from typing import Self

from transfer_core.runs.engine.lanes import Lane, LaneFinder
from transfer_core.runs.engine.queue import RunQueue
from transfer_core.runs.engine.run_times import RunTimes
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import ACTIVE_STATES, RunEvent, RunRecord, RunState
from transfer_core.runs.store.store import RunStore
from transfer_core.training import Stepped

POLL_INTERVAL = 0.1  # seconds between reads of a log that is followed


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """A run that waits for its turn."""

    record: RunRecord
    lane: Lane | None
    seconds: float | None  # until it is expected to start; None if nobody knows


class RunReader:
    """Reads the runs under a data folder.

    Args:
        home: The data folder.
        has_lanes: Whether the engine that takes the runs has a lane for short ones.

    Raises:
        RunError: If the run database cannot be used.
    """

    def __init__(self, home: Path, has_lanes: bool = True) -> None:
        self.home, self.store = home, RunStore(home)
        self._times = RunTimes(self.store, home)
        self._lanes = LaneFinder(self._times, has_lanes)
        self._queue = RunQueue(self.store, self._lanes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error) -> None:
        self.close()

    def get(self, run_id: str) -> RunRecord:
        """Return one run; RunError if no run has this id."""
        return self.store.get(run_id)

    def state(self, run_id: str) -> RunState:
        """Return the state of a run; RunError if no run has this id."""
        return self.store.get(run_id).state

    def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        """Return the run's log behind a sequence number; RunError if no run has this id."""
        return self.store.events(run_id, after)

    def list_runs(self) -> tuple[RunRecord, ...]:
        """Return the readable runs, newest first."""
        return self.store.list()

    def queue_position(self, run_id: str) -> int | None:
        """Return the run's place in its lane, 1 starts next; None if it does not wait."""
        return self._queue.position(self.store.get(run_id))

    def forecast_wait(self, run_id: str) -> float | None:
        """Return the seconds until a waiting run is expected to start.

        Returns:
            None if it does not wait, or if nobody knows how long a run before it takes.

        Raises:
            RunError: If no run has this id.
        """
        run = self.store.get(run_id)
        if (before := self._queue.list_before(run)) is None:
            return None
        lane = self.find_lane(run)
        left = [self._forecast_active(run.engine, lane)]
        left += [self._times.forecast(self.store.get(each).config) for each in before]
        return _add_known(left)

    def list_queue(self, engine: str | None) -> tuple[QueuedRun, ...]:
        """Return the runs that wait for an engine, lane by lane in the order of their starts."""
        waiting = {run.id: run for run in self.store.list(states={RunState.queued})}
        found = []
        for lane in self._lanes.list_all():
            seconds = self._forecast_active(engine, lane)
            for run_id in self._queue.list_order(engine, lane):
                if run := waiting.get(run_id):  # else it can be read no more, or began meanwhile
                    found.append(QueuedRun(run, lane, seconds))
                    seconds = _add_known([seconds, self._times.forecast(run.config)])
        return tuple(found)

    def _forecast_active(self, engine: str | None, lane: Lane | None) -> float | None:
        """Seconds until the active runs of a lane end, one after the other; None if unknown."""
        runs = self.store.list(states=ACTIVE_STATES)
        own = (run for run in runs if run.engine == engine)
        on = (run for run in own if self.find_lane(run) is lane)
        return _add_known([self._forecast_rest(run) for run in on])

    def _forecast_rest(self, run: RunRecord) -> float | None:
        """Seconds that an active run will still take; None if nobody knows."""
        if step := self.store.latest(run.id, Stepped).get(Stepped):
            return step.seconds_left
        seconds = self._times.forecast(run.config)
        return None if seconds is None else max(0.0, run.started + seconds - time())

    def find_lane(self, run: RunRecord) -> Lane | None:
        """Return the lane of a run; None if there are none."""
        return self._lanes.find(run.id, run.config)

    def directory(self, run_id: str) -> RunDirectory:
        """Return the directory of a run; RunError if no run has this id."""
        return RunDirectory.locate(self.home, self.store.get(run_id).id)

    def find_resume_epoch(self, run_id: str) -> int | None:
        """Return the epoch after which an interrupted run can continue; None if it cannot.

        0 says that it continues in its first epoch or before. The checkpoint is not
        verified, so that a page can ask often; `Engine.resume` verifies it.
        """
        if self.state(run_id) is not RunState.interrupted:
            return None
        return self.directory(run_id).find_resume_epoch()

    def follow(self, run_id: str, after: int = 0) -> Iterator[RunEvent]:
        """Yield the run's log behind a sequence number, as it grows, until the run is over.

        Raises:
            StorageError: If the end of the run cannot be recorded.
        """
        over = False
        while not over:
            over = self.state(run_id).is_final  # asked first, so that nothing is missed
            self.check_recorded(run_id)
            news = self.events(run_id, after)
            yield from news
            after = news[-1].sequence if news else after
            if not (over or news):
                sleep(POLL_INTERVAL)

    def check_recorded(self, run_id: str) -> None:
        """Raise an error if the run's end cannot be recorded, which only its engine knows."""

    def wait(self, run_id: str, timeout: float | None = None) -> RunRecord:
        """Wait until a run is over, or for some seconds; return its record then."""
        end = None if timeout is None else monotonic() + timeout
        while not (run := self.get(run_id)).state.is_final and (end is None or monotonic() < end):
            sleep(POLL_INTERVAL / 4)
        return run

    def close(self) -> None:
        """Close the database."""
        self.store.close()


def _add_known(seconds: Sequence[float | None]) -> float | None:
    """The sum; None if one of them is."""
    return None if None in seconds else sum(seconds)
