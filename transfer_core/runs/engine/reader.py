"""Reading the runs of a data folder, from any process, without running any."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Self

from transfer_core.runs.engine.queue import RunQueue
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import RunEvent, RunRecord, RunState
from transfer_core.runs.store.store import RunStore

POLL_INTERVAL = 0.1  # seconds between looks at the log of a run that is followed


class RunReader:
    """The runs under a data folder.

    Args:
        home: The data folder.

    Raises:
        RunError: If the run database cannot be used.
    """

    def __init__(self, home: Path) -> None:
        self.home, self.store = home, RunStore(home)
        self._queue = RunQueue(self.store)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error) -> None:
        self.close()

    def get(self, run_id: str) -> RunRecord:
        """One run; RunError if there is none of this id."""
        return self.store.get(run_id)

    def state(self, run_id: str) -> RunState:
        """Where a run stands; RunError if there is none of this id."""
        return self.store.get(run_id).state

    def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        """The run's log behind a sequence number; RunError if there is no such run."""
        return self.store.events(run_id, after)

    def list_runs(self) -> tuple[RunRecord, ...]:
        """Every run, newest first."""
        return self.store.list()

    def queue_position(self, run_id: str) -> int | None:
        """Place in the queue, 1 starts next; None if the run does not wait."""
        return self._queue.position(self.store.get(run_id))

    def directory(self, run_id: str) -> RunDirectory:
        """Where a run's files lie; RunError if there is no such run."""
        return RunDirectory.of(self.home, self.store.get(run_id).id)

    def follow(self, run_id: str, after: int = 0) -> Iterator[RunEvent]:
        """The run's log behind a sequence number, as it grows, until the run is over."""
        over = False
        while not over:
            over = self.state(run_id).is_final  # asked first, so that nothing is missed
            news = self.events(run_id, after)
            yield from news
            after = news[-1].sequence if news else after
            if not (over or news):
                sleep(POLL_INTERVAL)

    def wait(self, run_id: str, timeout: float | None = None) -> RunRecord:
        """Wait until a run is over, or for some seconds; returns it as it then is."""
        end = None if timeout is None else monotonic() + timeout
        while not (run := self.get(run_id)).state.is_final and (end is None or monotonic() < end):
            sleep(POLL_INTERVAL / 4)
        return run

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()
