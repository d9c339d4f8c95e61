"""A process that performs runs, as its engine sees it: messages, death, and why it died."""

import json
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from transfer_core.languages import N_
from transfer_core.runs.engine.executor import ProcessDied, make_memory_death
from transfer_core.runs.store.records import Failed
from transfer_core.system import count_memory_kills

_KILLED = 9  # the signal by which the system ends a process for want of memory
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]

_LOG = logging.getLogger(__name__)


class RunProcess:
    """One process, and the lines of JSON that go to it and come from it."""

    def __init__(self, command: Sequence[str]) -> None:
        self.is_busy = False  # with a run
        path = os.pathsep.join(filter(None, (str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH"))))
        self._kills_before, self._writing = count_memory_kills(), threading.Lock()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONPATH": path},
        )

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def send(self, **message: str) -> None:
        """Send a message; nothing happens if the process has died, which `read` shows."""
        with self._writing, suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield what the process says until it dies; a line that its death cut off is left out."""
        for line in self._process.stdout:
            if line.endswith("\n"):
                yield json.loads(line)

    def wait_until_ready(self) -> None:
        """Wait until the process takes runs, or has died."""
        self._process.stdout.readline()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def dismiss(self) -> None:
        """Let it interrupt its run, if it has one, and end."""
        with self._writing, suppress(OSError):
            self._process.stdin.close()

    def end(self, timeout: float) -> int:
        """Wait until it has ended, and kill it after some seconds; return its exit status."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout)
        self._process.kill()
        return self._process.wait()

    def close(self) -> None:
        """End it at once, and close the pipes."""
        self.end(0)
        self.dismiss()
        self._process.stdout.close()

    def explain_death(self, patience: float) -> ProcessDied:
        """Say why the process has died, and whether another may do better.

        Args:
            patience: Seconds that it gets to end by itself, if it has not died yet.
        """
        self.dismiss()
        code, kills = self.end(patience), count_memory_kills()
        found = _name_exit(code)
        _LOG.warning("the process %d, which performed a run, ended: %s", self.pid, found)
        if code == -_KILLED and kills != self._kills_before:
            return make_memory_death(found)
        return ProcessDied(
            Failed(
                N_("The run was interrupted: the process that performed it ended before it did."),
                found,
                N_("Start it again with the same settings."),
            ),
            may_retry=True,
        )


def _name_exit(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
