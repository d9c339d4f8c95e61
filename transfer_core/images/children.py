"""A few processes that decode images from outside; each may die, and another takes its place."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from transfer_core.errors import ImageError
from transfer_core.images.decoding import get_limits, make_too_long_error
from transfer_core.images.limits import LIMIT_VARIABLES
from transfer_core.languages import N_

CLOCK_FACTOR = 5  # seconds by the clock for each of processor time: others use the computer too
WATCH_SECONDS = 0.25  # between two looks at the clock
PIPE_BYTES = 1 << 20  # a larger pipe takes an image at fewer turns
MIN_CHILDREN = 2
MAX_TOLD_BYTES = 4 << 20  # of a message, beside the bytes of its images
# The children see nothing else of the environment, which may hold secrets.
PASSED_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "LANG")
# One heap and one thread, so that what one image takes does not depend on those before it.
CHILD_VARIABLES = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "4194304",  # bytes; what an image took goes back to the system
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
# Exit codes of a process that was ended by its clock, or by something else.
_KILLED = -getattr(signal, "SIGKILL", 0)
_TIME_IS_UP = -getattr(signal, "SIGPROF", 0)


class ChildEndedError(Exception):
    """The child ended before its answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a child says of an image."""

    told: Mapping[str, object]
    content: bytes


class Child:
    """One process that decodes; used by one thread at a time."""

    def __init__(self) -> None:
        path = (str(Path(__file__).parents[2]), *filter(None, sys.path))
        variables = {
            name: value
            for name, value in os.environ.items()
            if name in (*PASSED_VARIABLES, *LIMIT_VARIABLES.values())
        }
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-P", "-m", "transfer_core.images.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=variables | CHILD_VARIABLES | {"PYTHONPATH": os.pathsep.join(path)},
            start_new_session=True,  # Ctrl-C is for the parent
        )
        _enlarge_pipe(self._process.stdin.fileno())
        self.deadline = float("inf")  # by the monotonic clock
        self.is_late = False

    @property
    def id(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, work: str, files: Sequence[bytes], options: Mapping[str, object]) -> list[Answer]:
        """Send image files, and return answers to the first ones, as many as a turn has time for.

        Raises:
            ChildEndedError: If the process ended, or says what makes no sense.
        """
        seconds = CLOCK_FACTOR * get_limits().seconds
        request = {"work": work, "options": options, "sizes": [len(data) for data in files]}
        text = json.dumps(request).encode()
        try:
            self.deadline = time.monotonic() + seconds
            self._process.stdin.write(b"".join((len(text).to_bytes(4), text, *files)))
            self._process.stdin.flush()
            answers = list(self._read_answers())
            if not 1 <= len(answers) <= len(files):
                raise ValueError(f"{len(answers)} answers to {len(files)} images")
            self._process.stderr.read(len(answers))
            return answers
        except (OSError, EOFError, LookupError, TypeError, ValueError) as error:
            raise ChildEndedError from error
        finally:
            self.deadline = float("inf")

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def explain_end(self) -> tuple[int, ImageError | None]:
        """Which image of the last request it was at, and why it ended.

        Returns:
            The image's number, from 0, and its error: None if something else killed the process,
            so that the image may be tried again.
        """
        try:
            code = self._process.wait(timeout=WATCH_SECONDS)
        except subprocess.TimeoutExpired:  # it lives, and says what makes no sense
            self.kill()
            code = self._process.wait()
        marks = self._process.stderr.read()
        error = make_broken_error(f"exit code {code}")
        if self.is_late or code == _TIME_IS_UP != 0:
            error = make_too_long_error()
        elif code == _KILLED:
            error = None
        return max(0, len(marks) - 1), error

    def _read_answers(self) -> Iterator[Answer]:
        told = json.loads(self._read(int.from_bytes(self._read(4)), MAX_TOLD_BYTES))
        for each in told:
            yield Answer(each, self._read(each["size"], get_limits().megabytes << 20))

    def _read(self, size: int, most: int = 4) -> bytes:
        if not 0 <= size <= most:
            raise ValueError(f"{size} bytes")
        data = self._process.stdout.read(size)
        if len(data) < size:
            raise EOFError
        return data


class ChildPool:
    """Children that wait for work, as many as there are cores at most."""

    def __init__(self, size: int) -> None:
        self._permits = threading.BoundedSemaphore(size)
        self._idle: list[Child] = []
        self._living: tuple[Child, ...] = ()
        self._lock = threading.Lock()
        atexit.register(self.close)
        threading.Thread(target=self._watch, name="decoding clock", daemon=True).start()

    @contextmanager
    def borrow(self) -> Iterator[Child]:
        """A child that no other thread uses; it goes back unless it ended."""
        with self._permits:
            child = self._take()
            try:
                yield child
            except BaseException:
                child.kill()  # an answer to come would be taken for that of another image
                raise
            if child.is_alive:
                self._idle.append(child)

    def close(self) -> None:
        """End all children."""
        for child in self.list_living():
            child.kill()

    def list_living(self) -> tuple[Child, ...]:
        """The children that have not ended."""
        return tuple(child for child in self._living if child.is_alive)

    def _take(self) -> Child:
        while self._idle:
            with suppress(IndexError):
                child = self._idle.pop()
                if child.is_alive:
                    return child
        child = Child()
        with self._lock:
            self._living = (*self.list_living(), child)
        return child

    def _watch(self) -> None:
        while True:
            time.sleep(WATCH_SECONDS)
            now = time.monotonic()
            for child in self.list_living():
                if now > child.deadline:
                    child.is_late = True
                    child.kill()


@cache
def get_pool(kind: Literal["many", "one"]) -> ChildPool:
    """The children of this process, started when they are needed.

    Args:
        kind: Those for many images at a time, or those for one, which never wait for the others.
    """
    return ChildPool(MIN_CHILDREN if kind == "one" else max(MIN_CHILDREN, os.cpu_count() or 1))


def make_broken_error(found: str) -> ImageError:
    """The error for an image that its decoder does not survive."""
    return ImageError(
        N_("The image is damaged: what reads it broke off."),
        found=found,
        remedy=N_("Save it again as JPEG or PNG, or leave it out."),
    )


def _enlarge_pipe(descriptor: int) -> None:
    with suppress(ImportError, AttributeError, OSError):  # Linux has it
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
