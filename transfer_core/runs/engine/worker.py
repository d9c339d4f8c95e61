"""A worker of the engine: takes runs from the queue and drives each to its end."""

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from transfer_core.errors import RunError
from transfer_core.languages import N_
from transfer_core.runs.engine.event_writer import EventWriter
from transfer_core.runs.engine.executor import (
    Executor,
    JobStatus,
    ProcessDied,
    ProcessNotStarted,
)
from transfer_core.runs.engine.lanes import Lane
from transfer_core.runs.engine.queue import RunQueue
from transfer_core.runs.engine.recovery import (
    MAX_ATTEMPTS,
    count_reported_events,
    restore_events,
    write_final_state,
)
from transfer_core.runs.engine.restart_words import describe_restart
from transfer_core.runs.store.attempts import StaleAttempt
from transfer_core.runs.store.config_json import to_json
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import EventFile
from transfer_core.runs.store.records import (
    FINAL_STATES,
    Failed,
    Outcome,
    ReportedEvent,
    RunRecord,
    RunState,
)
from transfer_core.runs.store.store import RunStore
from transfer_core.runs.stored_texts import WAITING_FOR_TURN, is_waiting
from transfer_core.system import TrainingTurn, explain_disk_error, mark_training
from transfer_core.training import Preparing, Started

POLL_INTERVAL = 10.0  # seconds between looks at a queue that nothing was submitted to
RETRY_INTERVAL = 0.5  # seconds until a failed write of the database is repeated

_LOG = logging.getLogger(__name__)


class Worker:
    """Performs the runs of one engine, one at a time, until the engine closes.

    Args:
        store: The run store.
        queue: Its waiting runs.
        home: The data folder.
        executor: Runs the loops.
        engine: Id of the engine.
        closing: Set when the engine closes.
        submitted: Notified when a run was queued.
        adopted: Runs that go on in the executor although their engine has died; taken first.
        lane: The runs that it takes; None takes any.
    """

    def __init__(
        self,
        store: RunStore,
        queue: RunQueue,
        home: Path,
        executor: Executor,
        engine: str,
        closing: threading.Event,
        submitted: threading.Condition,
        adopted: deque[RunRecord],
        lane: Lane | None = None,
    ) -> None:
        self._store, self._home, self._executor, self._engine = store, home, executor, engine
        self._queue, self.lane = queue, lane
        self._closing, self._submitted, self._adopted = closing, submitted, adopted
        self._directory: RunDirectory | None = None  # of the active run
        self.unwritten: str | None = None  # run that has ended, which the disk refuses to record

    def work(self) -> None:
        """Take and perform runs until the engine closes; the body of a thread."""
        is_told = False
        while not self._closing.is_set():
            try:
                with self._submitted:  # held while looking, so that no submission is missed
                    run = self._take_adopted() or self._queue.claim(self._engine, self.lane)
                    if run is None and not self._closing.is_set():
                        self._submitted.wait(POLL_INTERVAL)
                is_told = False
            except SQLAlchemyError as error:
                if not is_told:
                    _LOG.error(
                        "the queue of runs stands still: %s", explain_disk_error(error) or error
                    )
                is_told = True
                self._closing.wait(RETRY_INTERVAL)
                continue
            if run is not None:
                self._run_to_end(run)

    def _take_adopted(self) -> RunRecord | None:
        return self._adopted.popleft() if self._adopted else None

    def beat(self) -> None:
        """Touch the heartbeat file of the active run, which a job elsewhere does itself."""
        if (directory := self._directory) is not None and self._executor.works_here:
            with suppress(OSError):  # the log reports a full disk
                directory.heartbeat_file.touch()

    def _run_to_end(self, run: RunRecord) -> None:
        directory = self._directory = RunDirectory.locate(self._home, run.id)
        # Nothing is timed here meanwhile.
        with mark_training() if self._executor.works_here else nullcontext():
            outcome = self._execute(run, directory)
        self._directory = None
        if outcome is None or outcome == Outcome(RunState.interrupted):
            return  # it waits to continue, or the engine recovers it when it closes
        if not self._owns(run):
            return  # another engine has taken it over, with its files
        if outcome.state is not RunState.interrupted and not directory.result_file.exists():
            with suppress(OSError, StaleAttempt):  # the record below is what counts
                directory.write_outcome(outcome)
        while not self._try_write_final_state(run, directory, outcome):
            self.unwritten = run.id
            if self._closing.wait(RETRY_INTERVAL):
                return
        self.unwritten = None

    def _owns(self, run: RunRecord) -> bool:
        """Return whether the run is still this engine's; yes if the database cannot say."""
        try:
            record = self._store.read(run.id)
        except SQLAlchemyError:
            return True
        except RunError:  # it was removed
            return False
        if isinstance(record, RunRecord) and record.attempt != run.attempt:
            return False
        return record.engine == self._engine and record.state not in FINAL_STATES

    def _execute(self, run: RunRecord, directory: RunDirectory) -> Outcome | None:
        """Perform a run; None if it was put back into the queue."""
        goes_on = self._executor.status(run.id) is not JobStatus.unknown  # it was adopted
        self._executor.submit(run.config, directory)
        refusal: SQLAlchemyError | None = None  # of the disk, which ends the run
        state = told = run.state
        try:
            known = count_reported_events(self._store, run.id) if goes_on else 0
            if not goes_on:
                directory.stop_file.unlink(missing_ok=True)
                directory.prepare(to_json(run.config), run.attempt)
                # The attempt before may have told more, until this one ended it.
                restore_events(self._store, directory, run)
            self._repeat_stop(run, directory)
            with (
                EventWriter(self._store, run.id, self._engine) as journal,
                self._take_turn(directory, journal),
                closing(self._executor.events(run.id)) as events,
            ):
                for number, event in enumerate(events):
                    told = _find_state(event) or told
                    if told is not state and number + 1 >= known:
                        journal.flush()  # the log keeps the order of events
                        self._set_active_state(run, state := told)
                    if number >= known:
                        journal.put(event)
                    if refusal := refusal or journal.find_lasting_refusal():
                        self._executor.cancel(run.id)  # what was learned may still fit
        except ProcessDied as death:
            self._executor.pop_outcome(run.id)
            return self._continue_after(death, run, directory)
        except ProcessNotStarted as refusal:
            self._executor.pop_outcome(run.id)
            return _give_up(refusal.failure, directory)
        except Exception as error:  # only this run may end, never the thread
            _LOG.exception("run %s cannot be logged", run.id)
            outcome = self._executor.pop_outcome(run.id)
            state = outcome.state if outcome.result else RunState.failed
            return Outcome(state, outcome.result, _describe_log_failure(error))
        outcome = self._executor.pop_outcome(run.id)
        return replace(outcome, error=_describe_log_failure(refusal)) if refusal else outcome

    @contextmanager
    def _take_turn(self, directory: RunDirectory, journal: EventWriter) -> Iterator[None]:
        """Wait until the experiments that came before have trained; short runs need not."""
        if self.lane is not Lane.long:
            yield
            return
        with TrainingTurn() as turn:
            if turn.is_waiting:
                waits = Preparing(WAITING_FOR_TURN, 0, 1)
                with closing(EventFile(directory.events_file)) as file:
                    file.append(waits)
                journal.put(waits)
            turn.wait(lambda: self._closing.is_set() or directory.is_stopped())
            yield

    def _continue_after(
        self, death: ProcessDied, run: RunRecord, directory: RunDirectory
    ) -> Outcome | None:
        """Put a run whose process has died back into the queue; or return how it ends."""
        if self._closing.is_set():
            return Outcome(RunState.interrupted)
        try:
            restore_events(self._store, directory, run)
            if not death.may_retry:
                return Outcome(RunState.failed, error=death.failure)
            if run.attempt < MAX_ATTEMPTS and self._put_back(run):
                return None
        except Exception as error:  # only this run may end, never the thread
            _LOG.exception("run %s cannot continue", run.id)
            return Outcome(RunState.failed, error=_describe_log_failure(error))
        remedy = describe_restart(directory.find_resume_epoch())
        return Outcome(RunState.interrupted, error=replace(death.failure, remedy=remedy))

    def _put_back(self, run: RunRecord) -> bool:
        return self._store.set_state(
            run.id,
            RunState.queued,
            "Waiting to continue: the process that performed it has ended.",
            expected_states={RunState.preparing, RunState.training},
            expected_engine=self._engine,
        )

    def _repeat_stop(self, run: RunRecord, directory: RunDirectory) -> None:
        """Write the stop file again if it is this attempt that was stopped.

        A stop first writes the state and then the file. So a file that was removed by mistake, with
        those of earlier attempts, has its state in the store already.
        """
        if self._store.read(run.id).state is RunState.stopping:
            directory.request_stop()

    def _set_active_state(self, run: RunRecord, state: RunState) -> None:
        self._store.set_state(
            run.id,
            state,
            expected_states={RunState.preparing, RunState.training},
            expected_engine=self._engine,
        )

    def _try_write_final_state(
        self, run: RunRecord, directory: RunDirectory, outcome: Outcome
    ) -> bool:
        try:
            write_final_state(self._store, directory, run, outcome)
        except SQLAlchemyError:
            _LOG.exception("the end of run %s cannot be written; trying again", run.id)
            return False
        except RunError:
            _LOG.exception("run %s is no longer in the store", run.id)
        return True


def _find_state(event: ReportedEvent) -> RunState | None:
    """Return the state that begins with an event; a run that lost its place waits for another."""
    if isinstance(event, Started):
        return RunState.training
    return RunState.preparing if is_waiting(event) else None


def _give_up(failure: Failed, directory: RunDirectory) -> Outcome:
    """End a run that could not begin; one that was to go on keeps its checkpoint."""
    epoch = directory.find_resume_epoch()
    if epoch is None:
        return Outcome(RunState.failed, error=failure)
    return Outcome(RunState.interrupted, error=replace(failure, remedy=describe_restart(epoch)))


def _describe_log_failure(error: Exception) -> Failed:
    """Describe a failure of the log, not of the training, for people."""
    cause = getattr(error, "orig", None) or getattr(error, "strerror", None) or error
    return Failed(
        N_("What the run reported could not be written, so the run was ended."),
        str(cause)[:200],
        N_("Check that the disk with the data folder has space and can be written; start again."),
    )
