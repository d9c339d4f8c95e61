"""Runs that are killed: while their images are embedded, and while they train."""

import json
import shutil
import time
from contextlib import closing
from pathlib import Path

from benchmarks.kills.phase import TIMEOUT_SECONDS, Found
from benchmarks.kills.server import POLL_SECONDS, Server
from transfer_core.runs import RunRecord, RunState, RunStore
from transfer_core.training import Started

HASHED = "network.safetensors", "test_logits.npy"  # files of a run


class RunPhase:
    """Runs of one kind, each with its images to be embedded again.

    Args:
        name: Of the phase.
        kind: Of the runs, as the server knows it.
        server: Performs them.
        only_before_training: Whether it is killed before it trains alone, else until its end.
        patience: Seconds until a run must have ended.
    """

    targets = ("worker", "server")

    def __init__(
        self,
        name: str,
        kind: str,
        server: Server,
        *,
        only_before_training: bool = False,
        patience: float = TIMEOUT_SECONDS,
    ) -> None:
        self.name, self._kind, self._server, self._patience = name, kind, server, patience
        self._is_early, self._run, self._seconds, self._expected = only_before_training, "", 0.0, ""
        self._finished: dict[str, str] = {}  # what a run left, by its id

    def prepare(self) -> None:
        """Perform two runs, the second without what is done once."""
        for _ in range(2):
            self.begin()
            with closing(RunStore(self._server.home)) as store:
                run = self._wait(store)
                log = store.events(run.id)
            begins = [entry.time for entry in log if isinstance(entry.event, Started)]
            self._expected = _read_result(self._server.home, run)
            self._seconds = (begins[-1] if self._is_early else run.ended) - run.started

    def begin(self) -> float:
        """Submit a run; return the seconds until the last moment to kill it."""
        shutil.rmtree(self._server.home / "embeddings", ignore_errors=True)
        self._run = self._server.order("submit", self._kind)
        return self._seconds

    def find_worker(self) -> int | None:
        """The process that performs the run."""
        return int(self._server.order("busy")) or None

    def follow(self, _target: str) -> Found:
        """Wait for the run's end, and resume it where it can be."""
        home = self._server.home
        self._server.order("busy")  # a server that was started again goes on with its runs
        with closing(RunStore(home)) as store:
            run = self._wait(store)
            if run.state is RunState.interrupted:
                found = Found("plainly marked", True)
                if not run.error.remedy.startswith("Resume"):
                    return found
                self._server.order("resume", run.id)
                run = self._wait(store)
            else:
                found = Found("went on by itself" if run.attempt > 1 else "finished before", True)
        if run.state is not RunState.finished:
            found.faults.append(f"{run.id} is {run.state}: {run.error}")
            return found
        self._finished[run.id] = left = _read_result(home, run)
        found.is_equal = left == self._expected
        return found

    def count_lost(self) -> int:
        """Finished runs that are gone or differ."""
        with closing(RunStore(self._server.home)) as store:
            return sum(
                _read_result(self._server.home, store.get(run)) != left
                for run, left in self._finished.items()
            )

    def _wait(self, store: RunStore) -> RunRecord:
        end = time.monotonic() + self._patience
        while not (run := store.get(self._run)).state.is_final and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        return run


def _read_result(home: Path, run: RunRecord) -> str:
    """The result, and the hashes of weights and logits where there are any."""
    if run.state is not RunState.finished:
        return ""
    kept = json.loads((home / "runs" / run.id / "result.json").read_text())
    return json.dumps([kept["result"], [kept["files"].get(name) for name in HASHED]])
