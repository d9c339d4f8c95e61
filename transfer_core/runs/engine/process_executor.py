"""The `process` executor: each run is performed by a warm process, whose death harms no other."""

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from time import monotonic

from transfer_core.languages import N_
from transfer_core.runs.engine.executor import JobStatus, ProcessNotStarted
from transfer_core.runs.engine.run_process import RunProcess
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.events import decode_event, decode_values
from transfer_core.runs.store.records import Failed, Outcome, ReportedEvent, RunState
from transfer_core.training import RunConfig, TestResult

CLOSE_SECONDS = 8.0  # that a run may take to write its checkpoint when the engine closes
RETRY_SECONDS = 1.0  # until a process that could not be started is tried again
START_TRIES = 5  # for a run, before it is given up

_LOG = logging.getLogger(__name__)


class ProcessExecutor:
    """Performs runs in processes that were started ahead; see `runs.worker_process`.

    A process tells each event after it has written it to the run's file, so that whichever of the
    two processes dies, no event is lost.

    Args:
        command: Starts a process that `worker_process.serve_runs` serves.
        capacity: Runs at a time, each in a process of its own.
        max_devices: That may share the steps of a run.
    """

    works_here, cluster = True, None

    def __init__(self, command: Sequence[str], capacity: int = 1, max_devices: int = 1) -> None:
        self._command, self.capacity = tuple(command), capacity
        self.max_devices = max_devices
        self._jobs: dict[str, _Job] = {}
        # An error stands for a process that could not be started ahead.
        self._idle: SimpleQueue[RunProcess | Exception | None] = SimpleQueue()
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._processes: set[RunProcess] = set()
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
            ProcessNotStarted: If there is none.
        """
        job, process = self._jobs[run_id], self._take_process()
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

    def _read_events(self, job: "_Job", process: RunProcess) -> Iterator[ReportedEvent]:
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
            raise process.explain_death(CLOSE_SECONDS)

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

    def adopt(self, directory: RunDirectory) -> bool:
        """Return no: a process ends when the one that started it does."""
        return False

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

    def _take_process(self) -> RunProcess | None:
        """Take a process that is idle, or start one now; return None if the engine closes.

        Raises:
            ProcessNotStarted: If none could be started; the next run tries again.
        """
        process = self._idle.get()
        for _ in range(START_TRIES):
            if not isinstance(process, Exception):
                return process
            if self._closing.wait(RETRY_SECONDS):
                return None
            process = self._start_process()
        if not isinstance(process, Exception):
            return process
        self._idle.put(process)
        raise ProcessNotStarted(
            Failed(
                N_("No process could be started to perform the run."),
                str(process)[:200],
                N_("Close other programs, see that Python is still there, and start it again."),
            )
        )

    def _start_processes(self, count: int) -> None:
        """Start processes on a thread, one after the other: the first is ready the sooner."""

        def start() -> None:
            for _ in range(count):
                self._idle.put(self._start_process())

        try:
            threading.Thread(target=start, name="start-processes", daemon=True).start()
        except RuntimeError as error:  # the system has no room for a thread either
            for _ in range(count):
                self._idle.put(error)

    def _start_process(self) -> RunProcess | Exception | None:
        """Start a process, and return it when it is ready; return None if the engine closes."""
        with self._lock:
            if self._closing.is_set():
                return None
            try:
                process = RunProcess(self._command)
            except OSError as error:
                _LOG.warning("no process could be started for runs: %s", error)
                return error
            self._processes.add(process)
        process.wait_until_ready()
        return process

    def _replace(self, process: RunProcess) -> None:
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
    _process: RunProcess | None = None
    _is_stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attach(self, process: RunProcess) -> None:
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


def _end_all(processes: Sequence[RunProcess]) -> None:
    end = monotonic() + CLOSE_SECONDS
    for process in processes:
        process.end(max(0.0, end - monotonic()))
