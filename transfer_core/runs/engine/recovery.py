"""What becomes of the runs of an engine that is gone."""

from pathlib import Path

from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import (
    UNFINISHED_STATES,
    Failed,
    Outcome,
    RunRecord,
    RunState,
)
from transfer_core.runs.store.store import RunStore

MAX_ATTEMPTS = 3  # a run that takes its process down each time must not do so for ever


def recover_runs(store: RunStore, home: Path, engine: str) -> None:
    """Give every unfinished run of an engine that is gone its state.

    A run that wrote its result has ended as that says. One that still waited, or
    has a checkpoint, waits for an engine that resumes runs. Any other is interrupted.
    """
    for run in store.list(states=UNFINISHED_STATES):
        if run.engine == engine:
            _recover_run(store, RunDirectory.of(home, run.id), run)


def _recover_run(store: RunStore, directory: RunDirectory, run: RunRecord) -> None:
    outcome = directory.outcome()
    if outcome is None and _can_resume(run, directory):
        store.set_state(
            run.id,
            RunState.queued,
            "Waiting to go on after a restart of the program.",
            expected_states={run.state},
            expected_engine=run.engine,
            engine=None,
        )
        return
    write_final_state(
        store, run, outcome or Outcome(RunState.interrupted, error=_make_interruption_error(run))
    )


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
