"""What is known about a run: its state, its record, its events, its id."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from transfer_core.errors import RunError
from transfer_core.training.config import RunConfig

IMPORTED_OWNER = "imported"  # owner of the runs that came in a bundle
_ID_PATTERN = re.compile(r"[0-9a-f]{16}")


class RunState(StrEnum):
    """Where a run stands. The last state is exactly one of the four final ones."""

    queued = "queued"
    preparing = "preparing"
    training = "training"
    stopping = "stopping"  # a stop was asked for; what was learned is being tested
    stopped = "stopped"
    finished = "finished"
    failed = "failed"
    interrupted = "interrupted"  # its process ended before it did

    @property
    def is_final(self) -> bool:
        """Whether nothing follows this state."""
        return self in FINAL_STATES


FINAL_STATES = frozenset(
    {RunState.stopped, RunState.finished, RunState.failed, RunState.interrupted}
)
ACTIVE_STATES = frozenset({RunState.preparing, RunState.training, RunState.stopping})


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of a run's log."""

    sequence: int  # counted from 1 without gaps; the order, whatever the clock says
    time: float  # seconds since 1970
    kind: str  # "state", "failed", or a training event's class name in snake_case
    values: dict[str, Any]  # JSON only; a number that was not finite is None


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
    error: dict[str, str] | None  # {"problem", "found", "remedy"} of a failure or interruption
    result: dict[str, Any] | None  # values of its "tested" event
    engine: str | None  # id of the engine that has it; None waits for any that resumes runs
    attempt: int  # how often it was started
    resumable: bool  # whether it may go on in another engine after its own one has died
    notes: str = ""  # of people, lines of plain text
    tags: tuple[str, ...] = ()
    deleted: float | None = None  # seconds since 1970; it can be brought back for a day

    @property
    def is_imported(self) -> bool:
        """Whether it was trained elsewhere and came in a bundle, so that it has no log."""
        return self.owner == IMPORTED_OWNER


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, as written last of all into its directory."""

    state: RunState
    result: dict[str, Any] | None = None
    error: dict[str, str] | None = None


def generate_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_hex(8)


def validate_run_id(run_id: object) -> str:
    """The id, if it could be one of ours; a forged one gets the answer of an unknown one."""
    if not isinstance(run_id, str) or not _ID_PATTERN.fullmatch(run_id):
        raise make_unknown_run_error(run_id)
    return run_id


def make_unknown_run_error(run_id: object) -> RunError:
    """The answer to every id that no run has."""
    return RunError(
        "There is no such run.",
        found=f"run id {ascii(run_id)[:60]}",
        remedy="Choose a run from the list of runs.",
    )


def make_error(problem: str, found: str, remedy: str) -> dict[str, str]:
    """The three parts of a message, as a record keeps them."""
    return {"problem": problem, "found": found, "remedy": remedy}


def find_training_end(events: Sequence[RunEvent]) -> dict[str, Any] | None:
    """Values of the last event "ended" of a run's log; None where no training has ended."""
    return next((event.values for event in reversed(events) if event.kind == "ended"), None)
