"""Icons and words for the states of a run."""

STATE_LABELS = {
    "queued": (":material/hourglass_empty:", "Waiting for its turn"),
    "preparing": (":material/photo_library:", "Preparing the images"),
    "training": (":material/model_training:", "Training"),
    "stopping": (":material/pause_circle:", "Stopping; what was learned is kept"),
    "stopped": (":material/stop_circle:", "Stopped"),
    "finished": (":material/task_alt:", "Finished"),
    "failed": (":material/error:", "Failed"),
    "interrupted": (":material/power_off:", "Interrupted: the server ended meanwhile"),
}
