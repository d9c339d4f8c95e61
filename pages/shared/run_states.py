"""Icons and words for the states of a run."""

from pages.shared import caches
from transfer_core.languages import N_, _
from transfer_core.runs import (
    RunRecord,
    RunState,
    find_last_event,
    is_waiting,
    translate_record_text,
)
from transfer_core.training import Preparing

STATE_LABELS = {
    "queued": (":material/hourglass_empty:", N_("Waiting for its turn")),
    "preparing": (":material/photo_library:", N_("Preparing the images")),
    "training": (":material/model_training:", N_("Training")),
    "stopping": (":material/pause_circle:", N_("Stopping; what was learned is kept")),
    "stopped": (":material/stop_circle:", N_("Stopped")),
    "finished": (":material/task_alt:", N_("Finished")),
    "failed": (":material/error:", N_("Failed")),
    "interrupted": (":material/power_off:", N_("Interrupted: the server ended meanwhile")),
}
STATE_NAMES = {  # in a table, of runs that are not over too
    "queued": N_("queued"),
    "preparing": N_("preparing"),
    "training": N_("training"),
    "stopping": N_("stopping"),
    "stopped": N_("stopped"),
    "finished": N_("finished"),
    "failed": N_("failed"),
    "interrupted": N_("interrupted"),
}


def describe_state(record: RunRecord) -> tuple[str, str]:
    """The icon of a run's state, and its words."""
    if wait := _find_wait(record):
        return STATE_LABELS["queued"][0], translate_record_text(wait.what)
    icon, words = STATE_LABELS[record.state]
    return icon, _(words)


def name_state(record: RunRecord) -> str:
    """A run's state in a word."""
    return _("waiting") if _find_wait(record) else _(STATE_NAMES[record.state])


def _find_wait(record: RunRecord) -> Preparing | None:
    """What a run waits for that was taken from the queue, if it does."""
    if record.state is not RunState.preparing:
        return None
    work = find_last_event(caches.read_events(record), Preparing)
    return work if is_waiting(work) else None
