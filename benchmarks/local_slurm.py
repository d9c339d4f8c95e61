"""A SLURM of this computer alone, for tests and measurements; needs root and Debian's packages.

`apt-get install slurmctld slurmd slurm-client munge`. It has two partitions: jobs of `high` take
the place of those of `low`, which are put back into the queue. Nothing outside the given folder is
changed, except that munge's key is made if there is none.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

MUNGE_KEY = Path("/etc/munge/munge.key")
MUNGE_SOCKET = Path("/run/munge/munge.socket.2")
PATIENCE_SECONDS = 60.0

CONFIGURATION = """\
ClusterName=transfer-lab
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
SlurmctldPort={port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
MpiDefault=none
KillWait={kill_wait}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_min_interval=100000
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=low Nodes={host} Default=YES PriorityTier=1 GraceTime={grace} OverSubscribe=NO
PartitionName=high Nodes={host} PriorityTier=10 PreemptMode=OFF
"""


def find_missing() -> str:
    """Say what is missing for a SLURM of this computer; "" if nothing is."""
    programs = [name for name in ("slurmctld", "slurmd", "munged", "sbatch") if not _find(name)]
    if programs:
        return f"no program {', '.join(programs)}"
    return "" if os.geteuid() == 0 else "it needs root"


@contextmanager
def run_slurm(
    folder: Path, *, cores: int = 2, grace: int = 0, kill_wait: int = 10
) -> Iterator[None]:
    """Run a SLURM until the block ends, and let this process and its children use it.

    Args:
        folder: For its files; exists.
        cores: Of its only node, however many it has.
        grace: Seconds that a job of `low` has after it was warned, before its place is taken.
        kill_wait: Seconds between SIGTERM and SIGKILL.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir()
    host = socket.gethostname().partition(".")[0]
    ports = {"port": _find_port(), "node_port": _find_port()}
    text = CONFIGURATION.format(
        host=host, folder=folder, cores=cores, grace=grace, kill_wait=kill_wait, **ports
    )
    (folder / "slurm.conf").write_text(text)
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    with ExitStack() as stack:
        _start_munge(stack)
        _start(stack, folder, "slurmctld", "-D")
        _start(stack, folder, "slurmd", "-D", "-N", host)
        _wait_until_ready()
        try:
            yield
        finally:
            with suppress(subprocess.CalledProcessError, TimeoutError):
                _call("scancel", "--me")
                _wait_for(lambda: not _call("squeue", "--noheader", "--me"))
            os.environ.pop("SLURM_CONF")
            if before is not None:
                os.environ["SLURM_CONF"] = before


def preempt(job: str) -> bool:
    """Let a job with precedence take the place of a running one, which then starts again soon.

    Returns:
        Whether it lost its place; no if it was over before.
    """
    options = ["--partition=high", "--exclusive", "--output=/dev/null", "--chdir=/tmp"]
    return _take_place(job, "sbatch", *options, "--wrap", "true")


def requeue(job: str) -> bool:
    """Put a running job, and no other, back into the queue, from where it starts again soon.

    Returns:
        Whether it lost its place; no if it was over before.
    """
    return _take_place(job, "scontrol", "requeue", job)


def _take_place(job: str, *command: str) -> bool:
    before = _show(job, "Restarts")
    _call(*command)
    _wait_for(lambda: _show(job, "Restarts") != before or _is_over(job))
    _wait_for(lambda: _show(job, "JobState") == "PENDING" or _is_over(job))
    if _is_over(job):
        return False
    # Else after two minutes. Within the same second slurmd would refuse it: "credential revoked".
    _call("scontrol", "update", f"JobId={job}", "StartTime=now+2")
    return True


def _is_over(job: str) -> bool:
    return _show(job, "JobState") in ("COMPLETED", "FAILED", "CANCELLED")


def set_partition(state: str) -> None:
    """Let the jobs of `low` start ("UP"), or wait ("DOWN")."""
    _call("scontrol", "update", "PartitionName=low", f"State={state}")


def _show(job: str, name: str) -> str:
    shown = _call("scontrol", "show", "job", "--oneliner", job)
    return shown.partition(f" {name}=")[2].partition(" ")[0]


def _call(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _start_munge(stack: ExitStack) -> None:
    if MUNGE_SOCKET.exists() and subprocess.run(["munge", "-n"], capture_output=True).stdout:
        return
    if not MUNGE_KEY.exists():
        MUNGE_KEY.write_bytes(os.urandom(1024))
        shutil.chown(MUNGE_KEY, "munge", "munge")
        MUNGE_KEY.chmod(0o400)
    for name in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
        Path(name).mkdir(exist_ok=True)
        shutil.chown(name, "munge", "munge")
    Path("/run/munge").chmod(0o755)
    command = ["munged", "--foreground", "--force"]
    munged = subprocess.Popen(command, user="munge", group="munge", stderr=subprocess.DEVNULL)
    stack.callback(_end, munged)
    _wait_for(MUNGE_SOCKET.exists)


def _start(stack: ExitStack, folder: Path, name: str, *options: str) -> None:
    log = stack.enter_context((folder / f"{name}.log").open("w"))
    stack.callback(_end, subprocess.Popen([_find(name), *options], stdout=log, stderr=log))


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
        return
    process.kill()
    process.wait()


def _wait_until_ready() -> None:
    def is_ready() -> bool:
        with suppress(subprocess.CalledProcessError):
            return "idle" in _call("sinfo", "-h", "-o", "%T")
        return False

    _wait_for(is_ready)


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("SLURM did not do it in time")
        time.sleep(0.1)


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
