"""A stand-in for SLURM's commands where there is no SLURM: `install` puts them into a folder.

Each job is a process of this computer and a folder beside the commands: its state, the process of
its script, and how often it was started. It does what the tests need of the real one, which the
same tests try with `--slurm`.
"""

import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

COMMANDS = "sbatch", "squeue", "scancel", "scontrol"
STATE = Path(os.environ.get("FAKE_SLURM", "."))
ALIVE = "PENDING", "RUNNING"


def install(folder: Path) -> None:
    """Put the commands into a folder, for PATH; FAKE_SLURM has to name it too."""
    for name in COMMANDS:
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {__file__} {name} "$@"\n')
        script.chmod(0o755)


def read(job: Path, name: str) -> str:
    try:
        return (job / name).read_text()
    except OSError:
        return ""


def write(job: Path, name: str, text: str) -> None:
    (job / f"{name}.new").write_text(text)
    (job / f"{name}.new").replace(job / name)


def sbatch(*arguments: str) -> str:
    options = [each for each in arguments if each.startswith("--")]
    given = dict(each.partition("=")[::2] for each in options)
    script = next(n for n, each in enumerate(arguments) if not each.startswith("--"))
    number = next(n for n in count(1) if make_folder(STATE / f"number-{n}"))
    last_task = given.get("--array", "").partition("-")[2]
    jobs = [f"{number}_{n}" for n in range(int(last_task) + 1)] if last_task else [f"{number}"]
    for job in jobs:
        make_folder(STATE / f"job-{job}")
        write(STATE / f"job-{job}", "state", "PENDING")
        with open(given["--output"].replace("%%", "%"), "ab") as log:
            subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, "attend", job, *arguments[script:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=given["--chdir"],
                start_new_session=True,
            )
    return f"{number}\n"


def make_folder(path: Path) -> bool:
    """Make a folder; return whether nobody else has."""
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def attend(name: str, *command: str) -> str:
    """What SLURM's own programs do: start the script, again if asked, and note how it ends."""
    job, restarts = STATE / f"job-{name}", 0
    number, _, task = name.partition("_")
    told = {"SLURM_JOB_ID": number}
    if task:
        told |= {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": task}
    while True:
        while (STATE / "held").exists() and read(job, "state") == "PENDING":
            time.sleep(0.02)
        if read(job, "state") != "PENDING":
            return ""
        environment = os.environ | told
        if restarts:
            environment["SLURM_RESTART_COUNT"] = str(restarts)
        process = subprocess.Popen(["/bin/sh", *command], env=environment)
        write(job, "process", str(process.pid))
        write(job, "state", "RUNNING")
        code = process.wait()
        if not (job / "requeued").exists():
            break
        (job / "requeued").unlink()
        write(job, "state", "PENDING")
        restarts += 1
    write(job, "state", "FAILED" if code else "COMPLETED")
    return ""


def squeue(*options: str) -> str:
    wanted = [each.partition("=")[2] for each in options if each.startswith("--jobs=")]
    jobs = [STATE / f"job-{each}" for each in wanted] or list(STATE.glob("job-*"))
    states = {job.name.removeprefix("job-"): read(job, "state") for job in jobs}
    living = {number: state for number, state in states.items() if state in ALIVE}
    return "".join(f"{each}\n" for each in (living.values() if wanted else living))


def scancel(*arguments: str) -> str:
    *options, number = arguments
    job = STATE / f"job-{number}"
    if "--state=PENDING" in options and read(job, "state") == "PENDING":
        write(job, "state", "CANCELLED")
    if "--signal=USR1" in options and read(job, "state") == "RUNNING":
        os.kill(int(read(job, "process")), signal.SIGUSR1)
    return ""


def scontrol(verb: str, *arguments: str) -> str:
    job = STATE / f"job-{arguments[-1]}"
    if verb == "show":
        return f"JobId={arguments[-1]} JobState={read(job, 'state')} Reason=None ExitCode=0:9\n"
    write(job, "requeued", "")
    os.kill(int(read(job, "process")), signal.SIGTERM)
    return ""


if __name__ == "__main__":
    name, *given = sys.argv[1:]
    if (STATE / "down").exists() and name != "attend":
        sys.exit("error: Unable to contact slurm controller")
    sys.stdout.write(globals()[name](*given))
