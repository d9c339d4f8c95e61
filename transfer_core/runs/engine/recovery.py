"""Recovery of the runs of a dead engine."""

import logging
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from transfer_core.errors import RunError
from transfer_core.languages import N_
from transfer_core.runs.engine.queue import fail_unreadable_run, make_front_turn
from transfer_core.runs.engine.restart_words import describe_restart
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import read_event_file
from transfer_core.runs.store.events import parse_event
from transfer_core.runs.store.records import (
    ACTIVE_STATES,
    UNFINISHED_STATES,
    Failed,
    Outcome,
    RunRecord,
    RunState,
    StateChanged,
)
from transfer_core.runs.store.rows import add_events, check_writable
from transfer_core.runs.store.schema import EVENTS, RUNS
from transfer_core.runs.store.store import RunStore
from transfer_core.runs.stored_texts import WAS_INTERRUPTED

MAX_ATTEMPTS = 3  # starts of a run; one that ends its process each time is given up

_LOG = logging.getLogger(__name__)


def adopt_run(store: RunStore, run: RunRecord, engine: str) -> RunRecord | None:
    """Take over an active run of a dead engine; return it, or None if another engine was first."""
    mine = sa.update(RUNS).where(
        RUNS.c.id == run.id, RUNS.c.engine == run.engine, RUNS.c.state.in_(ACTIVE_STATES)
    )
    with store.begin_write() as connection:
        changed = connection.execute(mine.values(engine=engine)).rowcount == 1
    return replace(run, engine=engine) if changed else None


def recover_runs(store: RunStore, home: Path, engine: str, *, leave_jobs: bool = False) -> None:
    """Give every unfinished run of a dead engine its state.

    A run that wrote its result has ended as the result says. A run that waited, or has a
    checkpoint, waits for an engine that resumes runs; one that had begun goes on before those
    that had not. A run that cannot be read fails. Any other run is interrupted. If another engine
    recovers a run at the same time, or a file of a run cannot be read, the other runs are
    recovered all the same.

    Args:
        store: The run store.
        home: The data folder.
        engine: The dead engine.
        leave_jobs: Whether to leave a run that a job of a cluster has to the next server.
    """
    for run in store.list_all(states=UNFINISHED_STATES):
        if run.engine != engine:
            continue
        try:
            if isinstance(run, RunRecord):
                directory = RunDirectory.locate(home, run.id)
                if not (leave_jobs and is_in_cluster(run, directory)):
                    _recover_run(store, directory, run)
            else:
                fail_unreadable_run(store, run)
        except (RunError, OSError) as error:
            _LOG.warning("run %s was not recovered: %s", run.id, error)


def is_in_cluster(run: RunRecord, directory: RunDirectory) -> bool:
    """Return whether a job of a cluster has an active run, and has written no result."""
    is_handed_over = run.state in ACTIVE_STATES and directory.job_file.exists()
    return is_handed_over and not directory.result_file.exists()


def _recover_run(store: RunStore, directory: RunDirectory, run: RunRecord) -> None:
    restore_events(store, directory, run)
    outcome = directory.read_outcome()
    if outcome is None and _can_resume(run, directory):
        has_begun = run.state is not RunState.queued
        store.set_state(
            run.id,
            RunState.queued,
            "Waiting to continue after a restart of the program.",
            expected_states={run.state},
            expected_engine=run.engine,
            engine=None,
            **({"turn": make_front_turn()} if has_begun else {}),
        )
        return
    interrupted = Outcome(RunState.interrupted, error=_make_interruption_error(run, directory))
    write_final_state(store, directory, run, outcome or interrupted)


def restore_events(store: RunStore, directory: RunDirectory, run: RunRecord) -> None:
    """Append events that are in the run's file but were not yet in the database at the crash."""
    reported = read_event_file(directory.events_file)
    when = directory.events_file.stat().st_mtime if reported else None
    with store.begin_write() as connection:  # nobody else restores them between count and insert
        check_writable(connection, run.id, run.engine)
        add_events(connection, run.id, reported[_count_reported(connection, run.id) :], when)


def count_reported_events(store: RunStore, run_id: str) -> int:
    """Count the events of a run's file that the database has."""
    with store.connect() as connection:
        return _count_reported(connection, run_id)


def _count_reported(connection: sa.Connection, run_id: str) -> int:
    """Count the events in the database that `read_event_file` would return too."""
    query = sa.select(EVENTS.c.kind, EVENTS.c["values"]).where(EVENTS.c.run == run_id)
    events = [parse_event(kind, text) for kind, text in connection.execute(query)]
    return sum(
        event is not None and not isinstance(event, StateChanged | Failed) for event in events
    )


def write_final_state(
    store: RunStore, directory: RunDirectory, run: RunRecord, outcome: Outcome
) -> None:
    """Write a run's final state, and remove the checkpoints of a run that cannot be resumed.

    A run that is over or has passed to another engine stays as it is.
    """
    match outcome:
        case Outcome(state=RunState.finished):
            message = "Finished."
        case Outcome(state=RunState.stopped, result=None):
            message = "Stopped before anything was learned."
        case Outcome(state=RunState.stopped):
            message = "Stopped; what was learned until then is kept."
        case Outcome(error=Failed(problem=problem)):
            message = problem
    changed = store.set_state(
        run.id,
        outcome.state,
        message,
        expected_engine=run.engine,
        result=outcome.result,
        error=outcome.error,
    )
    if changed and outcome.state is not RunState.interrupted:
        directory.remove_checkpoints()


def _can_resume(run: RunRecord, directory: RunDirectory) -> bool:
    if not run.resumable or run.state is RunState.stopping:
        return False
    if run.state is RunState.queued:
        return True
    if run.attempt >= MAX_ATTEMPTS:
        return False
    # What only prepared has lost nothing: its images and embeddings are in the caches.
    return run.state is RunState.preparing or directory.find_resume_epoch(verify=True) is not None


def _make_interruption_error(run: RunRecord, directory: RunDirectory) -> Failed:
    return Failed(
        N_("The run was interrupted: the program that ran it ended before the run did."),
        WAS_INTERRUPTED.format(state=run.state.value, attempt=max(run.attempt, 1)),
        describe_restart(directory.find_resume_epoch()),
    )
