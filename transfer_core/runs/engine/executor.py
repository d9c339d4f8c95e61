"""The protocol of executors: they run the loop of a run, in this process or elsewhere."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Protocol, runtime_checkable

from transfer_core.languages import N_
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import Failed, Outcome, ReportedEvent
from transfer_core.training import RunConfig

StopRequested = Callable[[], bool]

# Performs a run: yields training events and last its TestResult.
RunFunction = Callable[[RunConfig, RunDirectory, StopRequested], Iterator[ReportedEvent]]


class JobStatus(StrEnum):
    """State of a run in an executor."""

    accepted = "accepted"
    running = "running"
    over = "over"
    unknown = "unknown"


class ProcessDied(Exception):  # noqa: N818 - what happened, not whose fault it is
    """The process that performed a run ended before the run did.

    Args:
        failure: What happened, for people.
        may_retry: Whether the same may go well another time.
    """

    def __init__(self, failure: Failed, *, may_retry: bool) -> None:
        super().__init__(failure.problem)
        self.failure, self.may_retry = failure, may_retry


class ProcessNotStarted(Exception):  # noqa: N818 - what happened, not whose fault it is
    """The system has no process for a run, so that the run never began.

    Args:
        failure: What happened, for people.
    """

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.problem)
        self.failure = failure


def make_memory_death(found: str) -> ProcessDied:
    """Say that the system ended a process for want of memory, as it would the next one.

    Args:
        found: How that is known.
    """
    problem = N_("The memory of this computer was not enough for this run.")
    remedy = N_("Choose a smaller batch size, or close other programs, and start it again.")
    return ProcessDied(Failed(problem, found, remedy), may_retry=False)


@runtime_checkable
class Executor(Protocol):
    """Runs loops for an engine, in this process or elsewhere."""

    @property
    def capacity(self) -> int:
        """Number of runs that it takes at a time."""

    @property
    def max_devices(self) -> int:
        """Number of devices that may share the steps of a run."""

    @property
    def works_here(self) -> bool:
        """Whether its runs take the time of this computer, and end with this process."""

    @property
    def cluster(self) -> str | None:
        """Name of the cluster that performs the runs; None if this computer does."""

    def submit(self, config: RunConfig, directory: RunDirectory) -> None:
        """Accept a run; accepting it again changes nothing."""

    def status(self, run_id: str) -> JobStatus:
        """Return the state of a run here."""

    def events(self, run_id: str) -> Iterator[ReportedEvent]:
        """Yield what a run reports, as it comes; ends when the run is over.

        Raises:
            ProcessDied: If the run can go on no more, nor say why.
            ProcessNotStarted: If the run cannot begin.
        """

    def pop_outcome(self, run_id: str) -> Outcome:
        """Return how a run ended, interrupted if its events were not all read; forgets the run."""

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop and keep its network; asking again changes nothing."""

    def adopt(self, directory: RunDirectory) -> bool:
        """Accept a run that goes on although the engine that submitted it has died.

        Returns:
            Whether it does. All its events then come again, also those of earlier attempts.
        """

    def close(self) -> None:
        """Ask every run that ends with this process to end at once, without a result."""
