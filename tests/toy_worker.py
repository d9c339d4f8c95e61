"""A worker process of toy runs: `python toy_worker.py HOME KIND`, as a job with RUN ATTEMPT."""

import errno
import os
import signal
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from toy_runs import make_checkpointing_perform, make_perform  # noqa: E402

from transfer_core.errors import DataSetError  # noqa: E402
from transfer_core.runs.cluster_job import perform_job  # noqa: E402
from transfer_core.runs.store.directory import RunDirectory  # noqa: E402
from transfer_core.runs.worker_process import serve_runs  # noqa: E402


def end_by(number):
    """What ends this process by a signal."""
    return lambda: os.kill(os.getpid(), number)


def hang(config, directory, stop_requested):
    """A run that answers to nothing."""
    yield from make_perform(epochs=1)(config, directory, stop_requested)
    time.sleep(600)


def fill_disk(config, directory, stop_requested):
    """A run that cannot write its files."""
    yield from list(make_perform()(config, directory, stop_requested))[:-1]
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "network.safetensors")


ERROR = DataSetError("The images are gone.", found="data set x", remedy="Upload them again.")
KINDS = {
    "long": make_checkpointing_perform(),
    "short": make_checkpointing_perform(epochs=10, pause=0.03),
    "medium": make_checkpointing_perform(epochs=60, pause=0.03),
    "quick": make_checkpointing_perform(epochs=2),
    "killed": make_checkpointing_perform(4, 0.0, 2, end_by(signal.SIGKILL)),
    "faulty": make_checkpointing_perform(4, 0.0, 2, end_by(signal.SIGSEGV)),
    "ended": make_checkpointing_perform(400, 0.01, 2, end_by(signal.SIGTERM)),
    "doomed": make_checkpointing_perform(400, 0.01, 2, end_by(signal.SIGKILL), always=True),
    "full": fill_disk,
    "unlucky": make_perform(fail_in_epoch=1, error=ERROR),
    "printing": lambda *run: print("no message") or make_perform(epochs=1)(*run),
    "hanging": hang,
}

if __name__ == "__main__":
    home, kind, *job = sys.argv[1:]
    if job:
        directory = RunDirectory.locate(Path(home), job[0])
        sys.exit(not perform_job(directory, int(job[1]), KINDS[kind]))
    serve_runs(Path(home), KINDS[kind])
