"""A job of a cluster, which performs one attempt at a run: `python -m` this, as it is submitted.

It needs no server: the run's folder tells what to do, and takes events, checkpoints and at the end
the result. SIGTERM says that the cluster wants its place back: the run writes a checkpoint, and
goes on when the cluster starts the job again, or the server another. SIGUSR1 stops it for good.
"""

import json
import os
import signal
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from transfer_core.runs.engine.executor import RunFunction
from transfer_core.runs.engine.slurm import count_restarts, get_own_job, start_own_job_again
from transfer_core.runs.engine.thread_executor import ThreadExecutor
from transfer_core.runs.store.attempts import StaleAttempt
from transfer_core.runs.store.config_json import from_json
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import EventFile
from transfer_core.runs.store.records import ReportedEvent, RunState
from transfer_core.runs.stored_texts import WAITING_FOR_CLUSTER
from transfer_core.training import Preparing, RunConfig

HEARTBEAT_SECONDS = 1.0


def perform_job(directory: RunDirectory, attempt: int, run_function: RunFunction) -> bool:
    """Perform an attempt at a run, unless the run is over or a later attempt has begun.

    Args:
        directory: The run's folder.
        attempt: The one that the job was submitted for.
        run_function: Performs a run.

    Returns:
        Whether nothing is left to do, so that the job has ended well.
    """
    if directory.read_outcome() is not None:
        return True
    if not directory.begin_restart(attempt, count_restarts(), get_own_job()):
        return True
    executor = ThreadExecutor(run_function)
    executor.submit(from_json(json.dumps(directory.read_spec()["config"])), directory)
    _listen_to_signals(executor, directory)
    _start_heartbeat(executor, directory)
    for _event in executor.events(directory.id):
        pass  # the executor has written it to the run's file
    outcome = executor.pop_outcome(directory.id)
    with suppress(StaleAttempt):
        if outcome.state is not RunState.interrupted:
            directory.write_outcome(outcome)
            return True
        directory.check_attempt()
        if outcome.error is None and directory.find_resume_epoch() is not None:
            with closing(EventFile(directory.events_file)) as file:
                file.append(Preparing(WAITING_FOR_CLUSTER, 0, 1))
            start_own_job_again()
    return False


def _listen_to_signals(executor: ThreadExecutor, directory: RunDirectory) -> None:
    def end(*_signal: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        executor.close()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGUSR1, lambda *_: executor.cancel(directory.id))


def _start_heartbeat(executor: ThreadExecutor, directory: RunDirectory) -> None:
    """Show every second that this attempt lives; end it when a later one has begun."""

    def beat() -> None:
        while True:
            try:
                directory.check_attempt()
                directory.heartbeat_file.touch()
            except StaleAttempt:
                return executor.close()
            except OSError:
                pass  # a full disk, or the folder is away for a moment
            directory.refresh()  # so that a stop is seen
            time.sleep(HEARTBEAT_SECONDS)

    threading.Thread(target=beat, daemon=True).start()


def main(arguments: Iterable[str] | None = None) -> None:
    """Perform a run with the real trainings."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--threads", type=int, required=True, help="of torch, for each device")
    parser.add_argument("run")
    parser.add_argument("attempt", type=int)
    options = parser.parse_args(arguments)
    from transfer_core.system import describe_launch, let_threads_sleep, limit_memory

    let_threads_sleep()
    limit_memory()
    import torch

    from transfer_core.runs.launch import fit_to_device, make_run_function
    from transfer_core.runs.rank_process import follow_if_launched

    torch.set_num_threads(options.threads)
    if follow_if_launched():
        return
    is_launched = describe_launch(os.environ) is not None  # its ranks have their own threads
    directory = RunDirectory.locate(options.home, options.run)
    perform = make_run_function(options.home)

    def run_function(config: RunConfig, *given: Any) -> Iterator[ReportedEvent]:
        torch.set_num_threads(options.threads * (1 if is_launched else config.devices))
        return perform(fit_to_device(config), *given)

    sys.exit(not perform_job(directory, options.attempt, run_function))


if __name__ == "__main__":
    main()
