"""Recovery of the runs of a dead engine."""

from pathlib import Path

import sqlalchemy as sa

from transfer_core.runs.engine.queue import fail_unreadable_run
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import read_event_file
from transfer_core.runs.store.records import (
    UNFINISHED_STATES,
    Failed,
    Outcome,
    RunRecord,
    RunState,
)
from transfer_core.runs.store.schema import EVENTS
from transfer_core.runs.store.store import RunStore

MAX_ATTEMPTS = 3  # starts of a run; one that ends its process each time is given up


def recover_runs(store: RunStore, home: Path, engine: str) -> None:
    """Give every unfinished run of a dead engine its state.

    A run that wrote its result has ended as the result says. A run that waited, or has a
    checkpoint, waits for an engine that resumes runs. A run that cannot be read fails. Any
    other run is interrupted.
    """
    for run in store.list_all(states=UNFINISHED_STATES):
        if run.engine != engine:
            continue
        if isinstance(run, RunRecord):
            _recover_run(store, RunDirectory.locate(home, run.id), run)
        else:
            fail_unreadable_run(store, run)


def _recover_run(store: RunStore, directory: RunDirectory, run: RunRecord) -> None:
    _restore_events(store, directory, run)
    outcome = directory.read_outcome()
    if outcome is None and _can_resume(run, directory):
        store.set_state(
            run.id,
            RunState.queued,
            "Waiting to continue after a restart of the program.",
            expected_states={run.state},
            expected_engine=run.engine,
            engine=None,
        )
        return
    interrupted = Outcome(RunState.interrupted, error=_make_interruption_error(run))
    write_final_state(store, run, outcome or interrupted)


def _restore_events(store: RunStore, directory: RunDirectory, run: RunRecord) -> None:
    """Append events that are in the run's file but were not yet in the database at the crash."""
    written = sa.select(sa.func.count()).where(
        EVENTS.c.run == run.id, EVENTS.c.kind.not_in(["state", "failed"])
    )
    with store.connect() as connection:
        count = connection.execute(written).scalar_one()
    missing = read_event_file(directory.events_file)[count:]
    store.append(run.id, [event for event in missing if event is not None])


def write_final_state(store: RunStore, run: RunRecord, outcome: Outcome) -> None:
    """Write a run's final state."""
    match outcome:
        case Outcome(state=RunState.finished):
            message = "Finished."
        case Outcome(state=RunState.stopped, result=None):
            message = "Stopped before anything was learned."
        case Outcome(state=RunState.stopped):
            message = "Stopped; what was learned until then is kept."
        case Outcome(error=Failed(problem=problem)):
            message = problem
    store.set_state(
        run.id,
        outcome.state,
        message,
        expected_engine=run.engine,
        result=outcome.result,
        error=outcome.error,
    )


def _can_resume(run: RunRecord, directory: RunDirectory) -> bool:
    if not run.resumable or run.state is RunState.stopping:
        return False
    if run.state is RunState.queued:
        return True
    return run.attempt < MAX_ATTEMPTS and directory.find_latest_checkpoint() is not None


def _make_interruption_error(run: RunRecord) -> Failed:
    return Failed(
        "The run was interrupted: the program that ran it ended before the run did.",
        f"it was {run.state.value} in attempt {max(run.attempt, 1)}",
        "Start it again with the same settings.",
    )
