"""A server that takes orders, and can be killed and started again."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from transfer_core.runs import Engine, ProcessExecutor

POLL_SECONDS = 0.02  # between two looks at what a server does


@dataclass
class Server:
    """A process that takes orders on its standard input."""

    command: Sequence[str]
    home: Path
    process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it, and wait until it takes orders."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([*self.command, str(self.home)], **pipes)
        self._read()

    def order(self, *words: str) -> str:
        """Send an order, and return the answer."""
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self._read()

    def wait(self, patience: float) -> str:
        """Wait for the end of what it does on its thread; return what came of it."""
        end = time.monotonic() + patience
        while (told := self.order("tell")) == "busy" and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        return told

    def kill(self) -> None:
        """Kill it as the system does."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()

    def find_child(self, name: str) -> int | None:
        """The id of one of its processes whose command has this name."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        for child in " ".join(file.read_text() for file in threads).split():
            if name in Path(f"/proc/{child}/cmdline").read_text():
                return int(child)
        return None

    def _read(self) -> str:
        return self.process.stdout.readline().strip()


class Background:
    """One piece of work at a time on a thread of the server, as pages have it."""

    def __init__(self) -> None:
        self._told = "nothing"

    def begin(self, work: Callable[[], object]) -> None:
        """Begin a piece of work."""
        self._told = "busy"
        threading.Thread(target=self._work, args=(work,), daemon=True).start()

    def tell(self) -> str:
        """What came of it, "busy" until then."""
        return self._told

    def _work(self, work: Callable[[], object]) -> None:
        try:
            self._told = str(work())
        except Exception as error:
            self._told = f"failed: {error!r}".replace("\n", " ")


def serve(orders: Mapping[str, Callable[..., object]]) -> None:
    """Take orders, a line of words each, until the input ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        order, *words = line.split()
        print(orders[order](*words), flush=True)


def make_run_orders(
    engine: Engine, executor: ProcessExecutor, submit: Callable[[str], str]
) -> dict[str, Callable[..., object]]:
    """The orders "submit KIND", "resume RUN" and "busy": the id of the process that has a run."""
    return {
        "submit": submit,
        "resume": engine.resume,
        "busy": lambda: next(iter(executor.list_busy_processes()), 0),
    }
