"""A worker process of real trainings that write a checkpoint every epoch: `python ... HOME`."""

import math
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from transfer_core.runs.perform import perform_run  # noqa: E402
from transfer_core.runs.worker_process import serve_runs  # noqa: E402

HOME = Path(sys.argv[1])


def perform(config, directory, stop_requested):
    """A run, with a checkpoint after each epoch."""
    return perform_run(config, directory.path, HOME, stop_requested, checkpoint_time_share=math.inf)


if __name__ == "__main__":
    serve_runs(HOME, perform)
