"""SLURM as a cluster, by its own commands: fixed arguments, no shell, no text of a person."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from transfer_core.errors import SettingsError
from transfer_core.languages import _
from transfer_core.runs.engine.cluster import ClusterError, make_job_death, make_job_environment
from transfer_core.runs.engine.executor import ProcessDied, make_memory_death
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.settings import SlurmSettings

COMMAND_SECONDS = 30.0  # after which a command of SLURM counts as not answering
# SIGTERM so long before the end of the job's time: for the checkpoint, and to be queued again.
NOTICE_SECONDS = 60
_SCRIPT = Path(__file__).with_name("slurm_job.sh")


class Slurm:
    """Starts jobs by sbatch.

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
        self._options = _make_options(settings)

    def submit(self, command: Sequence[str], directory: RunDirectory) -> str:
        """Hand over a job and return its id."""
        log = str(directory.log_file).replace("%", "%%")  # % would begin a pattern
        own = [f"--job-name=transfer-lab-{directory.id}", f"--output={log}"]
        own += [f"--chdir={directory.path}", str(_SCRIPT)]
        answer = _call("sbatch", *self._options, *own, *command)
        return answer.strip().partition(";")[0]  # the name of the cluster may follow

    def list_jobs(self) -> frozenset[str]:
        """Return the jobs of this user that wait or run."""
        return frozenset(_call("squeue", "--noheader", "--me", "--format=%A").split())

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


def _make_options(settings: SlurmSettings) -> list[str]:
    optional = {
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "gres": settings.gpus and f"gpu:{settings.gpus}",
        "mem": settings.memory_gb and f"{settings.memory_gb}G",
    }
    return [
        "--parsable",
        "--requeue",
        "--open-mode=append",
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={settings.cpus}",
        f"--time={settings.minutes}",
        f"--signal=B:TERM@{NOTICE_SECONDS}",
        *(f"--{name}={value}" for name, value in optional.items() if value),
    ]


def _call(*command: str, may_fail: bool = False) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            env=make_job_environment(),
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
    if (job := os.environ.get("SLURM_JOB_ID")) is None:
        return
    if _call("squeue", "--noheader", f"--jobs={job}", "--format=%T", may_fail=True) == "RUNNING\n":
        _call("scontrol", "requeue", job, may_fail=True)
