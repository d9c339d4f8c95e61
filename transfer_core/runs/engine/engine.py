"""The engine: queues, stops, resumes and recovers runs; its workers perform them."""

import atexit
import logging
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from weakref import WeakSet

from sqlalchemy.exc import SQLAlchemyError

from transfer_core.errors import RunError, StorageError
from transfer_core.languages import _
from transfer_core.runs.engine.capacity import Capacity, read_capacity
from transfer_core.runs.engine.engine_lock import EngineLock, is_alive, remove_lock_file
from transfer_core.runs.engine.executor import Executor, JobStatus, RunFunction
from transfer_core.runs.engine.lanes import Lane
from transfer_core.runs.engine.reader import RunReader
from transfer_core.runs.engine.recovery import adopt_run, recover_runs
from transfer_core.runs.engine.restart_words import make_stop_error
from transfer_core.runs.engine.thread_executor import ThreadExecutor
from transfer_core.runs.engine.worker import Worker
from transfer_core.runs.store.curation import purge_deleted_runs
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.expectation import Expectation
from transfer_core.runs.store.records import ACTIVE_STATES, UNFINISHED_STATES, RunRecord, RunState
from transfer_core.system import explain_disk_error
from transfer_core.training import RunConfig

HEARTBEAT_INTERVAL = 1.0  # seconds
RECONCILE_INTERVAL = 10.0  # seconds between checks for dead engines

_LOG = logging.getLogger(__name__)


_OPEN: "WeakSet[Engine]" = WeakSet()


@atexit.register  # a training thread must not meet a dying interpreter
def close_engines() -> None:
    """Close every engine of this process, as it must be before the process ends."""
    for engine in tuple(_OPEN):
        engine.close()


class Engine(RunReader):
    """Performs submitted runs in background threads until it is closed.

    Several engines, also of several processes, may share a data folder: each performs
    only its own runs; stopping and reading works on all.

    Args:
        home: The data folder.
        executor: Performs the runs; a function performs them in threads of the engine.
        resume: Whether runs outlive this engine: a run that waits or has a checkpoint when
            this engine ends continues in the next engine that resumes runs. Without `resume`
            (the command line) such runs are interrupted.
        lanes: One for each run that is performed at the same time: the runs that may take it;
            None takes any.

    Raises:
        RunError: If the run database cannot be used.
    """

    def __init__(
        self,
        home: Path,
        executor: Executor | RunFunction,
        *,
        resume: bool = True,
        lanes: Sequence[Lane | None] = (None,),
    ) -> None:
        super().__init__(home, has_lanes=None not in lanes)
        self._resume = resume
        given = isinstance(executor, Executor)
        self._executor = executor if given else ThreadExecutor(executor, len(lanes))
        self.works_here = self._executor.works_here  # not in a cluster
        self.max_devices = self._executor.max_devices  # that may share the steps of a run
        self._lock = EngineLock(home)
        self._closing, self._submitted = threading.Event(), threading.Condition()
        self._adopted: deque[RunRecord] = deque()
        shared = home, self._executor, self._lock.id, self._closing, self._submitted, self._adopted
        self._workers = [Worker(self.store, self._queue, *shared, lane) for lane in lanes]
        self.reconcile()
        jobs = [*(worker.work for worker in self._workers), self._monitor]
        self._threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()
        _OPEN.add(self)

    def submit(
        self,
        config: RunConfig,
        name: str | None = None,
        owner: str = "",
        idempotency_key: str | None = None,
        expectation: Expectation | None = None,
    ) -> str:
        """Queue a run and return its id; arguments and errors as for `RunStore.create`."""
        self._refuse_while_closing()
        run = self.store.create(
            config,
            name,
            owner,
            idempotency_key=idempotency_key,
            engine=self._lock.id,
            resumable=self._resume,
            expectation=expectation,
        )
        self._wake()
        return run.id

    def forecast_wait(self, run_id: str) -> float | None:
        """As for `RunReader`; nobody knows how long a cluster will take."""
        return super().forecast_wait(run_id) if self.works_here else None

    def read_capacity(self) -> Capacity:
        """Return what this engine performs where, and what waits for it."""
        lanes = [worker.lane for worker in self._workers]
        return read_capacity(self, self._executor, self._lock.id, lanes)

    def resume(self, run_id: str) -> None:
        """Continue an interrupted run from its latest checkpoint; nothing if it is not over.

        Without a checkpoint it continues with the head that was trained alone, if that is there.

        Raises:
            RunError: If the run is unknown, ended in another way, or left nothing to continue from.
        """
        self._refuse_while_closing()
        run = self.get(run_id)
        if not run.state.is_final:
            return
        epoch = self.directory(run_id).find_resume_epoch(verify=True)
        if run.state is not RunState.interrupted or epoch is None:
            raise RunError(
                _("This run cannot be resumed: only an interrupted run with a checkpoint can."),
                found=_("the run is {state}", state=_(run.state.value)),
                remedy=_("Start it again with the same settings."),
            )
        where = f"after epoch {epoch}" if epoch else "where it was"
        self.store.set_state(
            run_id,
            RunState.queued,
            f"Waiting to continue {where}.",
            expected_states={RunState.interrupted},
            engine=self._lock.id,
            resumable=self._resume,
        )
        self._wake()

    def _refuse_while_closing(self) -> None:
        if self._closing.is_set():
            raise RunError(
                _("The program is shutting down and takes no more runs."),
                found=_("a new run"),
                remedy=_("Start the program again, then the run."),
            )

    def stop(self, run_id: str) -> None:
        """Stop a run and keep its network; a run that waits never starts.

        A run that waits to continue is interrupted again and keeps its checkpoint. Stopping a
        run again, or a run that is over, changes nothing. A run of another engine is stopped
        through its stop file.

        Raises:
            RunError: If there is no such run.
        """
        if self._stop_queued(run_id):
            return
        self.store.set_state(
            run_id,
            RunState.stopping,
            "Stopping; what was learned is kept.",
            expected_states={RunState.preparing, RunState.training},
        )
        if self.store.get(run_id).state is RunState.stopping:
            self._signal_stop(run_id)

    def _stop_queued(self, run_id: str) -> bool:
        """End a run that waits; return whether it did."""
        waiting, files = {RunState.queued}, RunDirectory.locate(self.home, run_id)
        if (epoch := files.find_resume_epoch()) is not None:
            error = make_stop_error(epoch)
            return self.store.set_state(
                run_id, RunState.interrupted, error.problem, expected_states=waiting, error=error
            )
        stopped = self.store.set_state(
            run_id, RunState.stopped, "Stopped before it started.", expected_states=waiting
        )
        if stopped:
            files.remove_checkpoints()
        return stopped

    def _signal_stop(self, run_id: str) -> None:
        is_here = self._executor.status(run_id) is not JobStatus.unknown
        self._executor.cancel(run_id)
        try:
            RunDirectory.locate(self.home, run_id).request_stop()
        except OSError as error:
            if not is_here:  # a run of this process stops without the file, on a full disk too
                raise RunError(
                    _("The stop could not be passed on to the program that runs this run."),
                    found=error.strerror or type(error).__name__,
                    remedy=_("Make space on the disk with the data folder and stop it again."),
                ) from error

    def check_recorded(self, run_id: str) -> None:
        """Raise a StorageError if a run of this engine has ended, and the disk refuses its end.

        The next engine finds the end in the run's folder.
        """
        if any(worker.unwritten == run_id for worker in self._workers):
            raise StorageError(
                _("The run has ended, but the disk refuses to record it."),
                found=_("run {id}", id=run_id),
                remedy=_(
                    "Make space on the disk with the data folder. What was learned is found at "
                    "the next start."
                ),
            )

    def reconcile(self) -> None:
        """Recover or adopt the runs of dead engines, and purge old deleted runs."""
        unfinished = self.store.list_all(states=UNFINISHED_STATES)
        for engine in {run.engine for run in unfinished} - {None, self._lock.id}:
            if not is_alive(self.home, engine):
                self._adopt_active(engine)
                recover_runs(self.store, self.home, engine, leave_jobs=not self._resume)
                remove_lock_file(self.home, engine)
        if self._resume and any(
            run.engine is None for run in self.store.list_all(states=UNFINISHED_STATES)
        ):
            self._queue.adopt(self._lock.id)
            self._wake()
        purge_deleted_runs(self.store, self.home)

    def _adopt_active(self, dead_engine: str) -> None:
        """Take over the runs that go on in the executor, whose state and attempt stay."""
        for run in self.store.list(states=ACTIVE_STATES):
            is_dead = run.engine == dead_engine
            if not (is_dead and self._executor.adopt(RunDirectory.locate(self.home, run.id))):
                continue
            if (mine := adopt_run(self.store, run, self._lock.id)) is None:
                self._executor.pop_outcome(run.id)  # another engine was first
            else:
                self._adopted.append(mine)
                self._wake()

    def close(self, timeout: float = 10.0) -> None:
        """Interrupt the active runs and end the threads; closing again changes nothing.

        What a cluster performs goes on, and is adopted by the next engine.

        Args:
            timeout: Seconds to wait for a loop that does not react. It then ends with the
                process, and the next engine recovers its run.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        self._executor.close()
        self._wake()
        end = monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            return
        with suppress(SQLAlchemyError):  # the next engine does it
            recover_runs(self.store, self.home, self._lock.id, leave_jobs=True)
        self._lock.release()
        super().close()

    def _wake(self) -> None:
        with self._submitted:
            self._submitted.notify_all()

    def _monitor(self) -> None:
        """Show that active runs are alive, and recover the runs of dead engines."""
        next_look, is_told = monotonic() + RECONCILE_INTERVAL, False
        while not self._closing.wait(HEARTBEAT_INTERVAL):
            for worker in self._workers:
                worker.beat()
            if monotonic() < next_look:
                continue
            next_look = monotonic() + RECONCILE_INTERVAL
            try:
                self.reconcile()
                is_told = False
            except (SQLAlchemyError, OSError) as error:
                if not is_told:
                    told = explain_disk_error(error) or error
                    _LOG.error("runs of engines that have died wait: %s", told)
                is_told = True
