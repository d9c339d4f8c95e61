"""Icons and words for the states of a run."""

from transfer_core.languages import N_

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
