"""The `thread` executor: the loop runs in the thread that reads its events."""

import logging
import threading
import traceback
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

from transfer_core.errors import TransferError
from transfer_core.languages import N_
from transfer_core.runs.engine.executor import JobStatus, RunFunction
from transfer_core.runs.engine.restart_words import determine_stopped_outcome
from transfer_core.runs.store.attempts import StaleAttempt
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import EventFile
from transfer_core.runs.store.records import Failed, Outcome, ReportedEvent, RunState
from transfer_core.system import is_out_of_memory
from transfer_core.training import Ended, RunConfig, TestResult

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    config: RunConfig
    directory: RunDirectory
    stop: threading.Event = field(default_factory=threading.Event)
    status: JobStatus = JobStatus.accepted
    outcome: Outcome = Outcome(RunState.interrupted)  # until it ends by itself
    resumed: bool = False  # behind what an earlier attempt left


def _is_stopped(job: _Job) -> bool:
    return job.stop.is_set() or job.directory.is_stopped()


class ThreadExecutor:
    """Runs `run_function` in the thread that reads the events.

    Args:
        run_function: Performs a run.
        capacity: Runs at a time.
    """

    works_here, cluster = True, None

    def __init__(self, run_function: RunFunction, capacity: int = 1) -> None:
        self._run_function, self.capacity = run_function, capacity
        self.max_devices = 1  # the death of another rank would end this whole process
        self._jobs: dict[str, _Job] = {}
        self._closing = threading.Event()

    def submit(self, config: RunConfig, directory: RunDirectory) -> None:
        """Accept a run; accepting it again changes nothing."""
        self._jobs.setdefault(directory.id, _Job(config, directory))

    def status(self, run_id: str) -> JobStatus:
        """Return the state of a run here."""
        job = self._jobs.get(run_id)
        return JobStatus.unknown if job is None else job.status

    def events(self, run_id: str) -> Iterator[ReportedEvent]:
        """Perform the run and yield what it reports; a failure ends it and becomes its outcome."""
        job = self._jobs[run_id]
        job.status = JobStatus.running
        job.resumed = job.directory.find_resume_epoch() is not None
        job.directory.claim()
        try:
            with (
                closing(EventFile(job.directory.events_file)) as file,
                closing(self._run_job(job)) as reports,
            ):
                for event in reports:
                    job.directory.check_attempt()
                    file.append(event)
                    yield event
        except StaleAttempt as stale:
            _LOG.warning("%s has been overtaken by a later one", stale)
        except TransferError as error:
            failure = Failed(error.problem, error.found, error.remedy)
            job.outcome = Outcome(RunState.failed, error=failure)
        except Exception as error:  # any fault of a run fails that run only
            job.outcome = Outcome(RunState.failed, error=_log_failure(error, job.directory))
        finally:
            job.status = JobStatus.over

    def _run_job(self, job: _Job) -> Iterator[ReportedEvent]:
        result = None

        def stop_requested() -> bool:
            return _is_stopped(job) or self._closing.is_set()

        # Closed at once when the reader leaves, so that the loop's `finally` blocks run now.
        run = self._run_function(job.config, job.directory, stop_requested)
        with closing(run) as events:
            for event in events:
                if self._closing.is_set() and isinstance(event, Ended):
                    break  # the training has written a checkpoint, and is not over
                if isinstance(event, TestResult):
                    result = event
                yield event
        job.outcome = self._determine_outcome(job, result)

    def _determine_outcome(self, job: _Job, result: TestResult | None) -> Outcome:
        if result is None and self._closing.is_set():
            return Outcome(RunState.interrupted)
        if _is_stopped(job):
            if result is None and job.resumed:  # stopped while it prepared to continue
                return determine_stopped_outcome(job.directory)
            return Outcome(RunState.stopped, result)
        if result is None:
            raise RuntimeError(f"run {job.directory.id} ended without a result")
        return Outcome(RunState.finished, result)

    def pop_outcome(self, run_id: str) -> Outcome:
        """Return how a run ended, interrupted if its events were not all read; forgets the run."""
        return self._jobs.pop(run_id).outcome

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop and keep its network; asking again changes nothing."""
        if (job := self._jobs.get(run_id)) is not None:
            job.stop.set()

    def adopt(self, directory: RunDirectory) -> bool:
        """Return no: a thread does not outlive its process."""
        return False

    def close(self) -> None:
        """Ask every run to end at once, without a result."""
        self._closing.set()


def _log_failure(error: Exception, directory: RunDirectory) -> Failed:
    """Describe an exception for people; its traceback goes to the run's log file."""
    _LOG.error("run %s failed", directory.id, exc_info=error)
    with suppress(OSError), directory.log_file.open("a", encoding="utf-8") as log:
        log.write("".join(traceback.format_exception(error)))
    return _describe_exception(error)


def _describe_exception(error: Exception) -> Failed:
    kind = type(error).__name__
    if is_out_of_memory(error):
        return Failed(
            N_("The memory of this computer was not enough for this run."),
            kind,
            N_("Choose a smaller batch size, or close other programs, and start it again."),
        )
    if isinstance(error, OSError):
        return Failed(
            N_("The run could not read or write its files."),
            error.strerror or kind,
            N_(
                "Check that the disk with the data folder has space and can be written; "
                "start again."
            ),
        )
    return Failed(
        N_("The run broke off because of a fault in the program, not in your data."),
        kind,
        N_("Start it again; if it fails again, report it with the log of this run."),
    )
