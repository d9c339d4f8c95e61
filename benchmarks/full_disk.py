"""Try the commands on disks that are too small, and fill a disk while a run trains; as root.

`python -m benchmarks.full_disk [--free 0 0.1 1 5 20]`

Each disk is a small file system in memory. Wanted: no command hangs, none ends in a traceback, and
the run that meets a full disk ends as stopped with the result of what it learned.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from transfer_core.runs import RunStore, start_engine

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 120  # seconds after which a command counts as hanging
MEGABYTE = 2**20
TRAINING_DISK = 500  # megabytes of the disk that is filled while a run trains
EPOCHS_BEFORE = 3  # of that run, until its disk is filled


@contextmanager
def mount_disk(megabytes: float) -> Iterator[Path]:
    """A disk of this size, empty."""
    folder = Path(tempfile.mkdtemp())
    size = f"size={max(4, int(megabytes * 1024))}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def fill(folder: Path, leave: float = 0.0) -> None:
    """Fill a disk until this many megabytes are free."""
    with (folder / "filler").open("ab", 0) as file, suppress(OSError):
        while (left := shutil.disk_usage(folder).free - int(leave * MEGABYTE)) > 0:
            file.write(bytes(min(left, MEGABYTE)))


def fill_until(folder: Path, is_over: threading.Event) -> None:
    """Take at once whatever comes free on a disk."""
    while not is_over.wait(0.001):
        fill(folder)


def call(home: Path, *arguments: str) -> str:
    """Run a command; say how it ended."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "transfer_core", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"TRANSFER_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return "HANGS"
    ended = "TRACEBACK" if "Traceback" in done.stderr else f"status {done.returncode}"
    told = " ".join(done.stderr.splitlines()[-3:]) if done.returncode else ""
    return f"{ended} after {time.perf_counter() - began:.0f} s. {told}"


def fill_while_training() -> str:
    """Fill the disk from some epochs of a run until its end; say how the run ended."""
    with mount_disk(TRAINING_DISK) as home:
        given = ["train", "sample:digits", "--case", "3", "--epochs", "200", "--json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "transfer_core", *given],
            cwd=ROOT,
            env=os.environ | {"TRANSFER_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        epochs, filled, is_over = 0, 0.0, threading.Event()
        filler = threading.Thread(target=fill_until, args=(home, is_over))
        for line in process.stdout:
            epochs += json.loads(line)["event"] == "epoch_ended"
            if epochs == EPOCHS_BEFORE and not filled:
                filled = time.perf_counter()
                filler.start()
        process.wait(TIMEOUT)
        is_over.set()
        filler.join()
        seconds = time.perf_counter() - filled
        (home / "filler").unlink()
        with start_engine(home, resume=False) as engine:  # as the next start does
            (run,) = engine.list_runs()
        accuracy = run.result.accuracy if run.result else None
        return f"{run.state}, accuracy {accuracy}, {seconds:.1f} s after the disk was full"


def main() -> int:
    """Print how each command ends on each disk."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--free", type=float, nargs="+", default=[0, 0.1, 1, 5, 20])
    free_sizes, failed = parser.parse_args().free, False
    print("a disk that fills up while a run trains:", fill_while_training(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "home")
        made.mkdir()
        print(call(made, "train", "sample:digits", "--case", "1", "--epochs", "2"))
        (run,) = RunStore(made).list()
        call(made, "export", run.id, "--format", "bundle", "--to", folder)
        size = sum(file.stat().st_size for file in made.rglob("*") if file.is_file()) / MEGABYTE
        for free in free_sizes:
            with mount_disk(size + free + 3) as home:
                shutil.copytree(made, home, dirs_exist_ok=True)
                fill(home, free)
                for command in (
                    ["train", "sample:digits", "--case", "1", "--epochs", "2"],
                    ["export", run.id, "--format", "bundle", "--to", str(home / "out")],
                    ["load", str(Path(folder, "bundle.zip"))],
                    ["runs", "--delete", run.id],
                    ["runs", "--undelete", run.id],
                    ["predict", run.id, str(next(ROOT.glob("docs/**/*.png")))],
                    ["inspect", "sample:stripes"],
                ):
                    ended = call(home, *command)
                    failed |= ended.startswith(("HANGS", "TRACEBACK"))
                    print(f"{free} MB free: {command[0]}: {ended}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
