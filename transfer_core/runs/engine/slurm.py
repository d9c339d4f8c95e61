"""SLURM as a cluster, by its own commands: fixed arguments, no shell, no text of a person."""

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from transfer_core.errors import SettingsError
from transfer_core.languages import _
from transfer_core.runs.engine.cluster import ClusterError, make_job_death, make_job_environment
from transfer_core.runs.engine.executor import ProcessDied, make_memory_death
from transfer_core.runs.engine.gathering import Gatherer
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.settings import SlurmSettings

COMMAND_SECONDS = 30.0  # after which a command of SLURM counts as not answering
# SIGTERM so long before the end of the job's time: for the checkpoint, and to be queued again.
NOTICE_SECONDS = 60
GATHER_SECONDS = 0.5  # that a run waits for others, to be handed over with them
_SCRIPT = Path(__file__).with_name("slurm_job.sh")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    """What is handed over for a run."""

    options: tuple[str, ...]  # what it asks for
    program: tuple[str, ...]
    run: tuple[str, ...]  # its id and attempt, the last arguments of the program
    directory: RunDirectory


class Slurm:
    """Starts jobs by sbatch; those that come within a moment become one array.

    Args:
        settings: What each job asks for.

    Raises:
        SettingsError: If this computer has no sbatch.
    """

    name = "slurm"

    def __init__(self, settings: SlurmSettings) -> None:
        if shutil.which("sbatch") is None:
            raise SettingsError(
                _("This computer cannot hand jobs to SLURM."),
                found=_("no command sbatch"),
                remedy=_("Install SLURM's commands here, or let the server use processes."),
            )
        self._settings = settings
        self._gatherer = Gatherer(self._submit_array, GATHER_SECONDS if settings.jobs > 1 else 0.0)

    def submit(self, command: Sequence[str], directory: RunDirectory) -> str:
        """Hand over a job and return its id, such as 12, or 12_3 of an array."""
        options = _make_options(self._settings, directory.read_spec()["config"]["devices"])
        job = _Job(options, tuple(command[:-2]), tuple(command[-2:]), directory)
        return self._gatherer.ask(job) or self._submit_alone(job)

    def _submit_alone(self, job: _Job) -> str:
        log = str(job.directory.log_file).replace("%", "%%")  # % would begin a pattern
        own = [f"--job-name=transfer-lab-{job.directory.id}", f"--output={log}"]
        own += [f"--chdir={job.directory.path}", str(_SCRIPT)]
        return _call_sbatch(*job.options, *own, *job.program, *job.run)

    def _submit_array(self, jobs: Sequence[_Job]) -> Sequence[str | None]:
        """Hand over jobs as tasks of an array, and return their ids; None: submit it alone.

        The script finds the run of each task, and sends what it prints to the log of the run.
        """
        alone = [None] * len(jobs)
        if len(jobs) == 1 or len({job.options for job in jobs}) > 1:
            return alone
        own = ["--job-name=transfer-lab", "--output=/dev/null", f"--array=0-{len(jobs) - 1}"]
        own += [f"--chdir={jobs[0].directory.path.parent}", str(_SCRIPT), str(len(jobs))]
        runs = chain.from_iterable(job.run for job in jobs)
        try:
            array = _call_sbatch(*jobs[0].options, *own, *runs, *jobs[0].program)
        except ClusterError as error:  # more jobs than somebody may have, or no arrays here
            _LOG.warning("%d runs are handed over one by one: %s", len(jobs), error)
            return alone
        return [f"{array}_{number}" for number in range(len(jobs))]

    def list_jobs(self) -> frozenset[str]:
        """Return the jobs of this user that wait or run."""
        return frozenset(_call("squeue", "--noheader", "--me", "--array", "--format=%i").split())

    def stop(self, job: str) -> None:
        """Take a waiting job back; let a running one stop its run and keep its network."""
        for options in (["--state=PENDING"], ["--signal=USR1", "--batch"]):
            _call("scancel", *options, job, may_fail=True)  # one of them does not fit its state

    def explain_end(self, job: str) -> ProcessDied:
        """Say why a job is over although its run is not."""
        shown = _call("scontrol", "show", "job", "--oneliner", job)
        told = dict(re.findall(r"(JobState|Reason|ExitCode)=(\S+)", shown))
        found = f"SLURM job {job}: " + ", ".join(f"{key} {told[key]}" for key in sorted(told))
        if told.get("JobState") == "OUT_OF_MEMORY":
            return make_memory_death(found)
        return make_job_death(found)


def _make_options(settings: SlurmSettings, devices: int) -> tuple[str, ...]:
    optional = {
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "gres": settings.gpus and f"gpu:{devices}",
        "mem": settings.memory_gb and f"{settings.memory_gb * devices}G",
    }
    return (
        "--parsable",
        "--requeue",
        "--open-mode=append",
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={settings.cpus * devices}",
        f"--time={settings.minutes}",
        f"--signal=B:TERM@{NOTICE_SECONDS}",
        *(f"--{name}={value}" for name, value in optional.items() if value),
    )


def _call_sbatch(*arguments: str) -> str:
    answer = _call("sbatch", *arguments)
    return answer.strip().partition(";")[0]  # the name of the cluster may follow


def _call(*command: str, may_fail: bool = False) -> str:
    environment = {
        name: value
        for name, value in make_job_environment().items()
        if not name.startswith("SLURM_ARRAY_")  # of a server in a job
    }
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClusterError(f"{command[0]}: {error}") from error
    if done.returncode and not may_fail:
        raise ClusterError(done.stderr.strip() or f"{command[0]}: exit status {done.returncode}")
    return done.stdout


def count_restarts() -> int:
    """Return how often SLURM has started the job that this process is again."""
    return int(os.environ.get("SLURM_RESTART_COUNT", 0))


def start_own_job_again() -> None:
    """Let SLURM start the job that this process is once more, unless it does so anyway.

    It does where it took the place away by `PreemptMode=REQUEUE` without a time of grace. With one,
    and at the end of the job's time, a job that ends after the warning is over. A job that somebody
    cancelled does not run any more, and stays so.
    """
    if not (job := get_own_job()):
        return
    if _call("squeue", "--noheader", f"--jobs={job}", "--format=%T", may_fail=True) == "RUNNING\n":
        _call("scontrol", "requeue", job, may_fail=True)


def get_own_job() -> str:
    """Return the id of the job that this process is; "" if it is none of SLURM."""
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):  # may be the number of one of its tasks, too
        return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ.get("SLURM_JOB_ID", "")
