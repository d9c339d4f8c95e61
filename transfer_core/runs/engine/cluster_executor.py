"""The executor of clusters: each run is a job, which goes on when this server ends."""

import logging
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from time import monotonic

from transfer_core.languages import N_
from transfer_core.runs.engine.cluster import Cluster, ClusterError, make_job_death
from transfer_core.runs.engine.executor import JobStatus, ProcessNotStarted
from transfer_core.runs.engine.restart_words import determine_stopped_outcome
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.event_file import EventFile, EventTail
from transfer_core.runs.store.records import Failed, Outcome, ReportedEvent, RunState
from transfer_core.runs.stored_texts import WAITING_FOR_CLUSTER
from transfer_core.training import Preparing, RunConfig

POLL_SECONDS = 0.2  # between looks at a run's folder
LOOK_SECONDS = 2.0  # between questions to the cluster, for all jobs together
PATIENCE_SECONDS = 2.0  # that the result of a job that is over may take to be seen here
MAX_REFUSALS = 3  # of a job in a row, by a cluster that answers
SILENCE_SECONDS = 120.0  # without a heartbeat, while the cluster does not answer either

_LOG = logging.getLogger(__name__)


class ClusterExecutor:
    """Performs runs as jobs of a cluster; see `runs.cluster_job`.

    The run's folder is all that job and server share. A result there is the end of a run, whatever
    the cluster says of the job; the cluster is only asked whether a job without one still lives.

    Args:
        cluster: Starts the jobs.
        command: Performs a run, given its id and attempt as further arguments.
        capacity: Jobs at a time, waiting ones too; other runs wait in our own queue.
        max_devices: That may share the steps of a run.
    """

    works_here = False

    def __init__(
        self, cluster: Cluster, command: Sequence[str], capacity: int, max_devices: int = 1
    ) -> None:
        self._cluster, self._command, self.capacity = cluster, tuple(command), capacity
        self.max_devices = max_devices
        self._jobs: dict[str, _Job] = {}
        self._closing, self._look_now = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, name="watch-cluster", daemon=True).start()

    @property
    def cluster(self) -> str:
        """Name of the cluster."""
        return self._cluster.name

    def submit(self, config: RunConfig, directory: RunDirectory) -> None:
        """Accept a run; accepting it again changes nothing."""
        self._jobs.setdefault(directory.id, _Job(directory))

    def adopt(self, directory: RunDirectory) -> bool:
        """Accept a run whose job an engine that has died handed over."""
        if (job_id := directory.read_job(self._cluster.name)) is None:
            return False
        self._jobs.setdefault(directory.id, _Job(directory, job_id))
        return True

    def status(self, run_id: str) -> JobStatus:
        """Return the state of a run here."""
        job = self._jobs.get(run_id)
        return JobStatus.unknown if job is None else job.status

    def events(self, run_id: str) -> Iterator[ReportedEvent]:
        """Hand the run over, unless it was adopted, and yield what its job reports.

        Raises:
            ProcessDied: If the job ends before the run does.
            ProcessNotStarted: If the cluster refuses it.
        """
        job = self._jobs[run_id]
        while (yield from self._perform(job)):
            job = self._jobs[run_id] = _Job(job.directory)

    def _perform(self, job: "_Job") -> Generator[ReportedEvent, None, bool]:
        """Return whether the job never had a place, so that the run needs another."""
        job.status = JobStatus.running
        try:
            if job.id is None:
                yield from self._hand_over(job)
            return job.id is not None and (yield from self._follow(job))
        finally:
            job.status = JobStatus.over

    def _hand_over(self, job: "_Job") -> Iterator[ReportedEvent]:
        waits = Preparing(WAITING_FOR_CLUSTER, 0, 1)
        with closing(EventFile(job.directory.events_file)) as file:
            file.append(waits)
        job.start = job.directory.events_file.stat().st_size
        yield waits
        attempt = job.directory.read_spec()["attempt"]
        command, refusals = [*self._command, job.directory.id, str(attempt)], 0
        while not self._closing.is_set():
            if job.is_stopped():
                job.outcome = determine_stopped_outcome(job.directory)
                return
            try:
                job_id = self._cluster.submit(command, job.directory)
                job.directory.write_job(self._cluster.name, job_id)
                job.heard, job.id = monotonic(), job_id
                return
            except ClusterError as error:
                refusals = refusals + 1 if self._answers() else 0
                _LOG.warning("run %s has no job yet: %s", job.directory.id, error)
                if refusals == MAX_REFUSALS:
                    raise _make_refusal(error) from error
            self._closing.wait(LOOK_SECONDS)

    def _answers(self) -> bool:
        """Whether the cluster answers, so that it is the job that it does not want."""
        try:
            self._cluster.list_jobs()
        except ClusterError:
            return False
        return True

    def _follow(self, job: "_Job") -> Generator[ReportedEvent, None, bool]:
        tail, job.heard = EventTail(job.directory.events_file, job.start), monotonic()
        while True:
            is_missed = job.is_missed()  # first, so that a result and events before it are found
            job.directory.refresh()
            outcome = job.directory.read_outcome()
            for event in tail.read():
                job.has_begun = True
                yield event
            if outcome is not None:
                job.outcome = outcome
                return False
            job.listen()
            if is_missed and job.is_stopped():
                job.outcome = determine_stopped_outcome(job.directory)
                return False
            if is_missed or monotonic() - job.heard > SILENCE_SECONDS:
                self._raise_death(job)
                return True
            if self._closing.wait(POLL_SECONDS):
                return False

    def _raise_death(self, job: "_Job") -> None:
        """Raise what ended the job; nothing if it never had a place."""
        try:
            death = self._cluster.explain_end(job.id)
        except ClusterError as error:
            death = make_job_death(str(error)[:200])
        if death is not None:
            _LOG.warning("job %s of run %s: %s", job.id, job.directory.id, death.failure.found)
            raise death

    def _watch(self) -> None:
        """Ask the cluster which jobs live, and pass stops on, until the executor closes."""
        while not self._closing.is_set():
            self._look_now.wait(LOOK_SECONDS)
            self._look_now.clear()
            handed = [job for job in tuple(self._jobs.values()) if job.id is not None]
            try:
                for job in handed:
                    if job.is_stopped() and job.status is JobStatus.running:
                        self._cluster.stop(job.id)
                living = self._cluster.list_jobs() if handed else ()
            except ClusterError as error:
                _LOG.warning("the cluster does not answer: %s", error)
                continue
            for job in handed:
                job.see(job.id in living)

    def pop_outcome(self, run_id: str) -> Outcome:
        """Return how a run ended, interrupted if its events were not all read; forgets the run."""
        return self._jobs.pop(run_id).outcome

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop and keep its network; asking again changes nothing."""
        if (job := self._jobs.get(run_id)) is not None:
            job.stop.set()
            self._look_now.set()

    def close(self) -> None:
        """Follow the runs no longer; their jobs go on."""
        self._closing.set()
        self._look_now.set()


def _make_refusal(error: ClusterError) -> ProcessNotStarted:
    problem = N_("The cluster refused the run.")
    remedy = N_("Ask whoever runs this server to check the file cluster.toml.")
    return ProcessNotStarted(Failed(problem, str(error)[:200], remedy))


class _Job:
    """A run in the cluster, as the thread that follows it and the one that watches see it."""

    def __init__(self, directory: RunDirectory, job_id: str | None = None) -> None:
        self.directory, self.id = directory, job_id
        self.status = JobStatus.accepted
        self.outcome = Outcome(RunState.interrupted)  # until it ends by itself
        self.start = 0  # bytes of the event file that came before the job
        self.has_begun = job_id is not None  # the run, as far as is known
        self.stop = threading.Event()
        self.heard = monotonic()  # when something showed last that it lives
        self._heartbeat: float | None = None
        self._missed_since: float | None = None

    def is_stopped(self) -> bool:
        return self.stop.is_set() or self.directory.is_stopped()

    def listen(self) -> None:
        """Look for a new heartbeat."""
        try:
            heartbeat = self.directory.heartbeat_file.stat().st_mtime
        except OSError:
            return
        if heartbeat != self._heartbeat:
            self._heartbeat, self.heard = heartbeat, monotonic()

    def see(self, lives: bool) -> None:
        """Take note of what the cluster says."""
        if lives:
            self._missed_since, self.heard = None, monotonic()
        elif self._missed_since is None:
            self._missed_since = monotonic()

    def is_missed(self) -> bool:
        """Whether the cluster has no such job any more, for so long that its result had come."""
        since, never_began = self._missed_since, self.is_stopped() and not self.has_begun
        patience = 0.0 if never_began else PATIENCE_SECONDS
        return since is not None and monotonic() - since >= patience
