"""A Ray of this computer alone, for tests and measurements: a head and one more node, one CPU each.

It needs the package `ray[default]`. Ray listens to all interfaces, whatever it is told, so its
token is made anew each time. Nothing outside a temporary folder is changed.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from transfer_core.runs import RAY_TOKEN_VARIABLE, ClusterError, RayJobs, make_job_environment
from transfer_core.settings import RaySettings

PATIENCE_SECONDS = 180.0  # of a busy computer
OBJECT_STORE_BYTES = 80_000_000  # about the least that Ray takes; nothing is put there
_PROGRAM = Path(sys.executable).with_name("ray")


def find_missing() -> str:
    """Say what is missing for a Ray of this computer; "" if nothing is."""
    return "" if _PROGRAM.exists() else f"no program {_PROGRAM.name} in this environment"


class LocalRay:
    """The two nodes.

    Args:
        folder: For Ray's files; exists, and its path is short (sockets lie in it).
        start_limit: Seconds that a job may wait for a place, before Ray gives it up.
    """

    def __init__(self, folder: Path, start_limit: int = 900) -> None:
        self._folder, self._start_limit = folder, start_limit
        self._sessions: dict[str, int] = {}  # of a node's processes
        self._token_file = folder / "token"
        self._token_file.write_text(os.environ[RAY_TOKEN_VARIABLE])
        self._port, self._dashboard_port = _find_port(), _find_port()
        self.settings = RaySettings(address=f"http://127.0.0.1:{self._dashboard_port}", cpus=1)

    def start_head(self) -> None:
        """Start the head, and wait until it takes jobs."""
        ports = f"--port={self._port}", f"--dashboard-port={self._dashboard_port}"
        self._start("head", "--head", "--dashboard-host=127.0.0.1", *ports)
        wait_for(self._answers)

    def start_worker(self) -> None:
        """Start the other node."""
        self._start("worker", f"--address=127.0.0.1:{self._port}")

    def _start(self, node: str, *options: str) -> None:
        # A folder of its own, in which a head does not find the one before.
        own = mkdtemp(prefix=node, dir=self._folder)
        common = ["--num-cpus=1", f"--temp-dir={own}", "--disable-usage-stats"]
        common += [f"--object-store-memory={OBJECT_STORE_BYTES}"]
        common += [f"--dashboard-agent-listen-port={_find_port()}"]
        environment = make_job_environment() | {  # without the token
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self._token_file),
            "RAY_JOB_START_TIMEOUT_SECONDS": str(self._start_limit),
        }
        with (self._folder / f"{node}.log").open("a") as log:
            starter = subprocess.Popen(
                [_PROGRAM, "start", *common, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self._sessions[node] = starter.pid
        if starter.wait(PATIENCE_SECONDS):
            raise RuntimeError((self._folder / f"{node}.log").read_text())

    def _answers(self) -> bool:
        with suppress(ClusterError):
            self.ask = RayJobs(self.settings).call
            return self.ask("GET") is not None
        return False

    def occupy(self) -> None:
        """Take all places, so that no other job starts."""
        taken = {f"occupant-{secrets.token_hex(4)}" for _ in self._sessions}
        for each in taken:
            job = {"submission_id": each, "entrypoint": "exec sleep 600"}
            self.ask("POST", content={**job, "entrypoint_num_cpus": 1})
        wait_for(lambda: taken == self._list_occupants("RUNNING"))

    def vacate(self) -> None:
        """Give the places back."""
        taken = self._list_occupants("RUNNING")
        for job in taken:
            self.ask("POST", f"{job}/stop")
        wait_for(lambda: taken <= self._list_occupants("STOPPED"))

    def _list_occupants(self, status: str) -> set[str]:
        told = {job["submission_id"] for job in self.ask("GET") if job["status"] == status}
        return {job for job in told if job.startswith("occupant-")}

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that were started."""
        return tuple(self._sessions)

    def kill(self, node: str) -> None:
        """Kill all processes of a node at once; its jobs, which notice that, end a second later.

        Args:
            node: "head" or "worker".
        """
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                session = (folder / "stat").read_text().rpartition(")")[2].split()[3]
                if int(session) == self._sessions[node]:
                    os.kill(int(folder.name), signal.SIGKILL)


@contextmanager
def run_ray(start_limit: int = 900) -> Iterator[LocalRay]:
    """Run a Ray until the block ends, and let this process and its children use it."""
    before = os.environ.get(RAY_TOKEN_VARIABLE)
    os.environ[RAY_TOKEN_VARIABLE] = secrets.token_hex()
    with TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        ray = LocalRay(Path(folder), start_limit)
        try:
            ray.start_head()
            ray.start_worker()
            yield ray
        finally:
            for node in ray.nodes:
                ray.kill(node)
            os.environ.pop(RAY_TOKEN_VARIABLE)
            if before is not None:
                os.environ[RAY_TOKEN_VARIABLE] = before


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it does not happen")
        time.sleep(0.05)


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
