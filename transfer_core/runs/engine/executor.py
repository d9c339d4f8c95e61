"""The protocol that every executor speaks: where a run's loop runs, and how it is told to."""

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from enum import StrEnum
from typing import Any, Protocol

from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import Outcome
from transfer_core.runs.store.rows import EventPayload
from transfer_core.training.config import RunConfig

StopRequested = Callable[[], bool]

# What a run does: yields training events and last its result, a dataclass named `Tested`.
RunFunction = Callable[[RunConfig, RunDirectory, StopRequested], Iterator[Any]]


class JobStatus(StrEnum):
    """What an executor knows of a run."""

    accepted = "accepted"
    running = "running"
    over = "over"
    unknown = "unknown"


class Executor(Protocol):
    """Runs loops for an engine, in this process or elsewhere."""

    @property
    def capacity(self) -> int:
        """How many runs it takes at a time."""

    def submit(self, config: RunConfig, directory: RunDirectory) -> None:
        """Accept a run; accepting it again changes nothing."""

    def status(self, run_id: str) -> JobStatus:
        """Where a run stands here."""

    def events(self, run_id: str) -> Iterator[EventPayload]:
        """What a run reports, as it comes; ends when the run is over."""

    def outcome(self, run_id: str) -> Outcome:
        """How a run ended, interrupted if its events were not read to the end; forgets it."""

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop and keep what it learned; asking again changes nothing."""

    def reconcile(self) -> tuple[str, ...]:
        """Runs that go on here although the process that submitted them has died."""

    def close(self) -> None:
        """Ask every run to leave off at once, without a result."""


def to_event_payload(event: Any) -> EventPayload:
    """A training event as kind and values: EpochEnded becomes "epoch_ended"."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    kind = "tested" if kind == "test_result" else kind  # the name that stored logs have for it
    return kind, asdict(event)
