"""What people are told of a run that can go on, or cannot."""

from transfer_core.languages import N_
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import Failed, Outcome, RunState
from transfer_core.runs.stored_texts import KEPT_EPOCH, RESUMES_AFTER_EPOCH


def determine_stopped_outcome(directory: RunDirectory) -> Outcome:
    """Return how a run ends that was stopped before this attempt at it had a result."""
    if (epoch := directory.find_resume_epoch()) is None:
        return Outcome(RunState.stopped)
    return Outcome(RunState.interrupted, error=make_stop_error(epoch))


def make_stop_error(epoch: int) -> Failed:
    """Describe the stop of a run that had not yet continued behind its checkpoint.

    Args:
        epoch: From `RunDirectory.find_resume_epoch`.
    """
    kept = KEPT_EPOCH.format(epoch=epoch) if epoch else N_("what it had learned is kept")
    return Failed(N_("The run was stopped before it continued."), kept, describe_restart(epoch))


def describe_restart(epoch: int | None) -> str:
    """Tell people how to go on with an interrupted run.

    Args:
        epoch: From `RunDirectory.find_resume_epoch`.
    """
    if epoch is None:
        return N_("Start it again with the same settings.")
    if not epoch:
        return N_("Resume it: it continues where it was, in its first epoch or before.")
    return RESUMES_AFTER_EPOCH.format(epoch=epoch)
