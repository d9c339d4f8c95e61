"""The engine: takes runs from the queue, one per device, and logs what they report."""

import atexit
import logging
import threading
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from transfer_core.errors import RunError
from transfer_core.runs.engine.executor import Executor, JobStatus, RunFunction
from transfer_core.runs.engine.journal import EventWriter
from transfer_core.runs.engine.ownership import EngineLock, is_alive, remove_lock_file
from transfer_core.runs.engine.reader import RunReader
from transfer_core.runs.engine.recovery import recover_runs, write_final_state
from transfer_core.runs.engine.thread_executor import ThreadExecutor
from transfer_core.runs.store.curation import purge_deleted_runs
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import (
    UNFINISHED_STATES,
    Failed,
    Outcome,
    RunRecord,
    RunState,
)
from transfer_core.runs.store.specification import to_json
from transfer_core.training.config import RunConfig
from transfer_core.training.events import Started

HEARTBEAT_INTERVAL = 1.0  # seconds
RECONCILE_INTERVAL = 10.0  # seconds between looks for engines that have died
RETRY_INTERVAL = 0.5  # seconds until a database that could not be written is tried again

_LOG = logging.getLogger(__name__)


class Engine(RunReader):
    """Runs what is submitted to it, in background threads, until it is closed.

    Several engines, also of several processes, may share a data folder: each
    drives only its own runs; stopping and reading works on all.

    Args:
        home: The data folder.
        run_function: What a run does; see `execution.Perform`.
        resume: Whether runs outlive this engine: what waits, or has a checkpoint,
            when the engine ends goes on in the next engine that resumes. Without
            it (the command line) such runs are interrupted.
        slots: Devices, each of which takes one run at a time.

    Raises:
        RunError: If the run database cannot be used.
    """

    def __init__(
        self, home: Path, run_function: RunFunction, *, resume: bool = True, slots: int = 1
    ) -> None:
        super().__init__(home)
        self._resume = resume
        self._executor: Executor = ThreadExecutor(run_function, slots)
        self._lock = EngineLock(home)
        self._closing, self._submitted = threading.Event(), threading.Condition()
        self._active_directories: dict[str, RunDirectory] = {}
        self.reconcile()
        jobs = [self._process_queue] * self._executor.capacity + [self._monitor]
        self._threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)  # a training thread must not meet a dying interpreter

    def submit(
        self,
        config: RunConfig,
        name: str | None = None,
        owner: str = "",
        idempotency_key: str | None = None,
    ) -> str:
        """Queue a run and return its id; arguments and errors as for `RunStore.create`."""
        if self._closing.is_set():
            raise RunError(
                "The program is shutting down and takes no more runs.",
                found="a new run",
                remedy="Start the program again, then the run.",
            )
        run = self.store.create(
            config,
            name,
            owner,
            idempotency_key=idempotency_key,
            engine=self._lock.id,
            resumable=self._resume,
        )
        self._wake()
        return run.id

    def stop(self, run_id: str) -> None:
        """Stop a run and keep what it learned; one that waits never starts.

        Stopping it again, or one that is over, changes nothing. A run of another
        engine is stopped through its stop file.

        Raises:
            RunError: If there is no such run.
        """
        if self.store.set_state(
            run_id,
            RunState.stopped,
            "Stopped before it started.",
            expected_states={RunState.queued},
        ):
            return
        self.store.set_state(
            run_id,
            RunState.stopping,
            "Stopping; what was learned is kept.",
            expected_states={RunState.preparing, RunState.training},
        )
        if self.store.get(run_id).state is RunState.stopping:
            self._signal_stop(run_id)

    def _signal_stop(self, run_id: str) -> None:
        is_here = self._executor.status(run_id) is not JobStatus.unknown
        self._executor.cancel(run_id)
        try:
            RunDirectory.of(self.home, run_id).request_stop()
        except OSError as error:
            if not is_here:  # a run of this process stops without the file, on a full disk too
                raise RunError(
                    "The stop could not be passed on to the program that runs this run.",
                    found=error.strerror or type(error).__name__,
                    remedy="Make space on the disk with the data folder and stop it again.",
                ) from error

    def reconcile(self) -> None:
        """Give runs of engines that have died their state, and take over what waits.

        What was deleted long enough ago is removed on the way.
        """
        unfinished = self.store.list(states=UNFINISHED_STATES)
        for engine in {run.engine for run in unfinished} - {None, self._lock.id}:
            if not is_alive(self.home, engine):
                recover_runs(self.store, self.home, engine)
                remove_lock_file(self.home, engine)
        if self._resume and any(
            run.engine is None for run in self.store.list(states=UNFINISHED_STATES)
        ):
            self._queue.adopt(self._lock.id)
            self._wake()
        purge_deleted_runs(self.store, self.home)

    def close(self, timeout: float = 10.0) -> None:
        """Leave off what runs and end the threads; closing again changes nothing.

        Args:
            timeout: Seconds to wait for a loop that does not listen. It then ends
                with the process, and the next engine finds its run.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        atexit.unregister(self.close)
        self._executor.close()
        self._wake()
        end = monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            return
        with suppress(SQLAlchemyError):  # the next engine does it
            recover_runs(self.store, self.home, self._lock.id)
        self._lock.release()
        super().close()

    def _wake(self) -> None:
        with self._submitted:
            self._submitted.notify_all()

    def _process_queue(self) -> None:
        """The thread of one device."""
        while not self._closing.is_set():
            try:
                with self._submitted:  # held while looking, so that no submission is missed
                    run = self._queue.claim(self._lock.id)
                    if run is None and not self._closing.is_set():
                        self._submitted.wait(RECONCILE_INTERVAL)
            except SQLAlchemyError:
                _LOG.exception("the queue of runs cannot be read or written; trying again")
                self._closing.wait(RETRY_INTERVAL)
                continue
            if run is not None:
                self._run_to_end(run)

    def _run_to_end(self, run: RunRecord) -> None:
        directory = self._active_directories[run.id] = RunDirectory.of(self.home, run.id)
        outcome = self._execute(run, directory)
        del self._active_directories[run.id]
        if outcome.state is RunState.interrupted:
            return  # `close` recovers it
        with suppress(OSError):  # the record below is what counts
            directory.write_outcome(outcome)
        while not self._try_write_final_state(run, outcome) and not self._closing.wait(
            RETRY_INTERVAL
        ):
            pass

    def _execute(self, run: RunRecord, directory: RunDirectory) -> Outcome:
        self._executor.submit(run.config, directory)
        try:
            directory.prepare(to_json(run.config), run.attempt)
            with (
                EventWriter(self.store, run.id, self._lock.id) as journal,
                closing(self._executor.events(run.id)) as reports,
            ):
                for event in reports:
                    if isinstance(event, Started):
                        journal.flush()  # the log keeps the order of events
                        self._set_training(run)
                    journal.put(event)
        except Exception as error:  # only this run may end, never the thread
            _LOG.exception("run %s cannot be logged", run.id)
            self._executor.outcome(run.id)
            return Outcome(RunState.failed, error=_make_log_error(error))
        return self._executor.outcome(run.id)

    def _set_training(self, run: RunRecord) -> None:
        self.store.set_state(
            run.id,
            RunState.training,
            expected_states={RunState.preparing},
            expected_engine=self._lock.id,
        )

    def _try_write_final_state(self, run: RunRecord, outcome: Outcome) -> bool:
        try:
            write_final_state(self.store, run, outcome)
        except SQLAlchemyError:
            _LOG.exception("the end of run %s cannot be written; trying again", run.id)
            return False
        except RunError:
            _LOG.exception("run %s is no longer in the store", run.id)
        return True

    def _monitor(self) -> None:
        """Show that driven runs are alive, and look for engines that are not."""
        next_look = monotonic() + RECONCILE_INTERVAL
        while not self._closing.wait(HEARTBEAT_INTERVAL):
            for directory in tuple(self._active_directories.values()):
                with suppress(OSError):  # a full disk is reported by what matters more
                    directory.heartbeat_file.touch()
            if monotonic() < next_look:
                continue
            next_look = monotonic() + RECONCILE_INTERVAL
            try:
                self.reconcile()
            except (SQLAlchemyError, OSError):
                _LOG.exception("runs of engines that have died cannot be recovered; trying again")


def _make_log_error(error: Exception) -> Failed:
    """Describe a failure of the log, not of the training, for people."""
    cause = getattr(error, "orig", None) or getattr(error, "strerror", None) or error
    return Failed(
        "What the run reported could not be written, so the run was ended.",
        str(cause)[:200],
        "Check that the disk with the data folder has space and can be written; start again.",
    )
