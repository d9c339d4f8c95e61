"""Data of the run store: states, records, log entries and run ids."""

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from transfer_core.errors import RunError
from transfer_core.languages import N_, _
from transfer_core.runs.store.expectation import Expectation
from transfer_core.training import Event, RunConfig, TestResult

_ID_PATTERN = re.compile(r"[0-9a-f]{16}")


class RunState(StrEnum):
    """State of a run. It ends in one of the four final ones; `interrupted` can be resumed."""

    queued = N_("queued")
    preparing = N_("preparing")
    training = N_("training")
    stopping = N_("stopping")  # a stop was requested; the network is being tested
    stopped = N_("stopped")
    finished = N_("finished")
    failed = N_("failed")
    interrupted = N_("interrupted")  # its process ended before it did

    @property
    def is_final(self) -> bool:
        """Whether the run is over."""
        return self in FINAL_STATES


FINAL_STATES = frozenset(
    {RunState.stopped, RunState.finished, RunState.failed, RunState.interrupted}
)
ACTIVE_STATES = frozenset({RunState.preparing, RunState.training, RunState.stopping})
UNFINISHED_STATES = ACTIVE_STATES | {RunState.queued}


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The run entered a state."""

    state: RunState
    message: str = ""  # for people


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a run failed or was interrupted; the three parts of a message for people."""

    problem: str  # one sentence
    found: str  # the values that show it
    remedy: str  # what to do next, one sentence


ReportedEvent = Event | TestResult  # what a run function yields
LoggedEvent = ReportedEvent | StateChanged | Failed


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One entry of a run's log."""

    sequence: int  # counted from 1; the order, whatever the clock says
    time: float  # seconds since 1970
    event: LoggedEvent


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the store has it."""

    id: str
    name: str
    config: RunConfig
    state: RunState
    owner: str
    created: float  # seconds since 1970
    started: float | None  # when it first left the queue
    ended: float | None
    error: Failed | None  # of a failure or interruption
    result: TestResult | None
    engine: str | None  # id of the engine that has it; None waits for any that resumes runs
    attempt: int  # how often it was started
    resumable: bool  # whether another engine may continue it after its own engine has died
    notes: str = ""  # of people, lines of plain text
    tags: tuple[str, ...] = ()
    deleted: float | None = None  # seconds since 1970; it can be restored for a day
    expectation: Expectation | None = None  # None if nothing was told of it before

    @property
    def seconds(self) -> float | None:
        """Seconds from leaving the queue to the end; None if it was interrupted or is not over."""
        if self.attempt != 1 or None in (self.started, self.ended):
            return None
        return self.ended - self.started

    @property
    def is_imported(self) -> bool:
        """Whether it was trained elsewhere and came in a bundle, so that it has no log."""
        return self.attempt == 0 and self.result is not None


@dataclass(frozen=True, slots=True)
class UnreadableRun:
    """A stored run whose settings or result this program cannot read; it can be deleted."""

    id: str
    name: str
    state: str  # of `RunState`, or a word of another version
    owner: str
    engine: str | None
    created: float  # seconds since 1970
    deleted: float | None
    problem: Failed  # why it cannot be read


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended; the last file written into its directory."""

    state: RunState
    result: TestResult | None = None
    error: Failed | None = None


def generate_id() -> str:
    """Return a random id that nobody can guess, 16 hexadecimal digits."""
    return secrets.token_hex(8)


def is_run_id(text: object) -> bool:
    """Return whether this has the form of a run's id."""
    return isinstance(text, str) and _ID_PATTERN.fullmatch(text) is not None


def validate_run_id(run_id: object) -> str:
    """Return the id if it has the form of one; raise the same RunError as for an unknown run."""
    if not is_run_id(run_id):
        raise make_unknown_run_error(run_id)
    return run_id


def make_unknown_run_error(run_id: object) -> RunError:
    """Make the error for an id that no run has."""
    return RunError(
        _("There is no such run."),
        found=_("run id {id}", id=ascii(run_id)[:60]),
        remedy=_("Choose a run from the list of runs."),
    )


def make_deleted_run_error(run_id: str) -> RunError:
    """Make the error for a run that was deleted."""
    return RunError(
        _("This run was deleted."),
        found=f"run {run_id}",
        remedy=_("Bring it back on the page Runs, which can be done for a day."),
    )


def make_run_error(failure: Failed) -> RunError:
    """Make the error that says what a stored failure says."""
    return RunError(failure.problem, found=failure.found, remedy=failure.remedy)


def require_usable(record: RunRecord | UnreadableRun) -> RunRecord:
    """Return the record; raise RunError if it was deleted or cannot be read."""
    if isinstance(record, UnreadableRun):
        raise make_run_error(record.problem)
    if record.deleted is not None:
        raise make_deleted_run_error(record.id)
    return record
