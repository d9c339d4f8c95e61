"""The `process` executor: each run is performed by a warm process, whose death harms no other."""

import json
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any

from transfer_core.languages import N_
from transfer_core.runs.engine.executor import JobStatus, ProcessDied
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.events import decode_event, decode_values
from transfer_core.runs.store.records import Failed, Outcome, ReportedEvent, RunState
from transfer_core.system import count_memory_kills
from transfer_core.training import RunConfig, TestResult

CLOSE_SECONDS = 8.0  # that a run may take to write its checkpoint when the engine closes
RETRY_SECONDS = 1.0  # until a process that could not be started is tried again
_KILLED = 9  # the signal by which the system ends a process for want of memory
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]

_LOG = logging.getLogger(__name__)


class ProcessExecutor:
    """Performs runs in processes that were started ahead; see `runs.worker_process`.

    A process tells each event after it has written it to the run's file, so that whichever of the
    two processes dies, no event is lost.

    Args:
        command: Starts a process that `worker_process.serve_runs` serves.
        capacity: Runs at a time, each in a process of its own.
    """

    def __init__(self, command: Sequence[str], capacity: int = 1) -> None:
        self._command, self.capacity = tuple(command), capacity
        self._jobs: dict[str, _Job] = {}
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._processes: set[_Process] = set()
        self._start_processes(capacity)

    def submit(self, config: RunConfig, directory: RunDirectory) -> None:
        """Accept a run; accepting it again changes nothing."""
        self._jobs.setdefault(directory.id, _Job(directory))

    def status(self, run_id: str) -> JobStatus:
        """Return the state of a run here."""
        job = self._jobs.get(run_id)
        return JobStatus.unknown if job is None else job.status

    def events(self, run_id: str) -> Iterator[ReportedEvent]:
        """Let a process perform the run, and yield what it reports.

        Raises:
            ProcessDied: If the process ends before the run does.
        """
        job, process = self._jobs[run_id], self._idle.get()
        if process is None:  # the executor is closing
            return
        job.status = JobStatus.running
        try:
            process.is_busy = True
            process.send(perform=run_id)
            job.attach(process)
            yield from self._read_events(job, process)
        finally:
            job.status = JobStatus.over
            process.is_busy = False
            if process.is_alive() and job.is_told:
                self._idle.put(process)
            else:
                self._replace(process)

    def _read_events(self, job: "_Job", process: "_Process") -> Iterator[ReportedEvent]:
        result = None
        for message in process.read():
            if "outcome" in message:
                error = message["error"]
                failure = decode_values(Failed, error) if error else None
                job.outcome = Outcome(RunState(message["outcome"]), result, failure)
                if job.outcome == Outcome(RunState.interrupted):
                    break  # the process was told to end
                job.is_told = True
                return
            if (event := decode_event(*message["event"])) is not None:
                result = event if isinstance(event, TestResult) else result
                yield event
        if not self._closing.is_set():
            raise process.explain_death()

    def pop_outcome(self, run_id: str) -> Outcome:
        """Return how a run ended, interrupted if its events were not all read; forgets the run."""
        return self._jobs.pop(run_id).outcome

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop and keep its network; asking again changes nothing."""
        if (job := self._jobs.get(run_id)) is not None:
            job.stop()

    def list_busy_processes(self) -> list[int]:
        """Return the ids of the processes that perform a run now."""
        with self._lock:
            return [each.pid for each in self._processes if each.is_busy]

    def reconcile(self) -> tuple[str, ...]:
        """Return no run: a process ends when the one that started it does."""
        return ()

    def close(self) -> None:
        """Ask every run to end at once, with a checkpoint and without a result."""
        with self._lock:
            self._closing.set()
            processes = tuple(self._processes)
        for process in processes:
            if process.is_busy:
                process.dismiss()
            else:
                process.end(0)
        for _ in range(self.capacity):
            self._idle.put(None)
        threading.Thread(target=_end_all, args=(processes,), daemon=True).start()

    def _start_processes(self, count: int) -> None:
        """Start processes on a thread, one after the other: the first is ready the sooner."""

        def start() -> None:
            for _ in range(count):
                while (process := self._start_process()) is None:
                    if self._closing.wait(RETRY_SECONDS):
                        return
                process.wait_until_ready()
                self._idle.put(process)

        threading.Thread(target=start, name="start-processes", daemon=True).start()

    def _start_process(self) -> "_Process | None":
        """Start a process; return None if the system has no room for it, or the engine closes."""
        with self._lock:
            if self._closing.is_set():
                return None
            try:
                process = _Process(self._command)
            except OSError as error:
                _LOG.warning("no process could be started for runs; trying again: %s", error)
                return None
            self._processes.add(process)
        return process

    def _replace(self, process: "_Process") -> None:
        process.close()
        with self._lock:
            self._processes.discard(process)
        self._start_processes(1)


@dataclass(slots=True)
class _Job:
    directory: RunDirectory
    status: JobStatus = JobStatus.accepted
    outcome: Outcome = Outcome(RunState.interrupted)  # until the process has told it
    is_told: bool = False
    _process: "_Process | None" = None
    _is_stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attach(self, process: "_Process") -> None:
        """Pass a stop on to the process that performs the run, also one that came before."""
        with self._lock:
            self._process = process
            if self._is_stopped:
                process.send(stop=self.directory.id)

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.send(stop=self.directory.id)


class _Process:
    """One process, and the lines of JSON that go to it and come from it."""

    def __init__(self, command: Sequence[str]) -> None:
        self.is_busy = False  # with a run
        path = os.pathsep.join(filter(None, (str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH"))))
        self._kills_before, self._writing = count_memory_kills(), threading.Lock()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONPATH": path},
        )

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def send(self, **message: str) -> None:
        """Send a message; nothing happens if the process has died, which `read` shows."""
        with self._writing, suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield what the process says until it dies; a line that its death cut off is left out."""
        for line in self._process.stdout:
            if line.endswith("\n"):
                yield json.loads(line)

    def wait_until_ready(self) -> None:
        """Wait until the process takes runs, or has died."""
        self._process.stdout.readline()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def dismiss(self) -> None:
        """Let it interrupt its run, if it has one, and end."""
        with self._writing, suppress(OSError):
            self._process.stdin.close()

    def end(self, timeout: float) -> int:
        """Wait until it has ended, and kill it after some seconds; return its exit status."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout)
        self._process.kill()
        return self._process.wait()

    def close(self) -> None:
        """End it at once, and close the pipes."""
        self.end(0)
        self.dismiss()
        self._process.stdout.close()

    def explain_death(self) -> ProcessDied:
        """Say why the process has died, and whether another may do better."""
        self.dismiss()
        code, kills = self.end(CLOSE_SECONDS), count_memory_kills()
        found = _name_exit(code)
        _LOG.warning("the process %d, which performed a run, ended: %s", self.pid, found)
        if code == -_KILLED and kills != self._kills_before:
            return ProcessDied(
                Failed(
                    N_("The memory of this computer was not enough for this run."),
                    found,
                    N_("Choose a smaller batch size, or close other programs, and start it again."),
                ),
                may_retry=False,
            )
        return ProcessDied(
            Failed(
                N_("The run was interrupted: the process that performed it ended before it did."),
                found,
                N_("Start it again with the same settings."),
            ),
            may_retry=True,
        )


def _name_exit(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"


def _end_all(processes: Sequence[_Process]) -> None:
    end = monotonic() + CLOSE_SECONDS
    for process in processes:
        process.end(max(0.0, end - monotonic()))
