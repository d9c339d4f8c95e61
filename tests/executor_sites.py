"""The executors that the contract is tried on, each with toy runs, and what can happen to them.

`python executor_sites.py HOME SITE KIND` is a server: it starts a run and works until it is killed.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from fake_ray import FakeRay  # noqa: E402
from toy_runs import make_config  # noqa: E402
from toy_worker import KINDS  # noqa: E402

from benchmarks import local_slurm  # noqa: E402
from benchmarks.local_ray import LocalRay  # noqa: E402
from transfer_core.runs.engine.cluster_executor import ClusterExecutor  # noqa: E402
from transfer_core.runs.engine.engine import Engine  # noqa: E402
from transfer_core.runs.engine.executor import Executor  # noqa: E402
from transfer_core.runs.engine.process_executor import ProcessExecutor  # noqa: E402
from transfer_core.runs.engine.ray_jobs import RayJobs  # noqa: E402
from transfer_core.runs.engine.slurm import Slurm  # noqa: E402
from transfer_core.runs.engine.thread_executor import ThreadExecutor  # noqa: E402
from transfer_core.settings import RaySettings, SlurmSettings  # noqa: E402

RAY_ADDRESS = "RAY_ADDRESS_FOR_TESTS"


def make_command(home: Path, kind: str) -> list[str]:
    """What performs toy runs of a kind, for a server or as a job."""
    return [sys.executable, str(TESTS / "toy_worker.py"), str(home), kind]


class Site:
    """Runs in the threads of the server."""

    name = "thread"
    has_workers = False  # processes that may die while the server lives
    is_cluster = False
    can_preempt = False  # take a job's place for another, and start it again

    def make_executor(self, home: Path, kind: str) -> Executor:
        return ThreadExecutor(KINDS[kind])

    def start(self, home: Path, kind: str, **options) -> Engine:
        return Engine(home, self.make_executor(home, kind), **options)


class ProcessSite(Site):
    """Runs in processes of the server."""

    name, has_workers = "process", True

    def make_executor(self, home: Path, kind: str) -> Executor:
        return ProcessExecutor(make_command(home, kind))


class FakeSlurmSite(Site):
    """Jobs of a stand-in for SLURM; its folder is named by FAKE_SLURM."""

    name, has_workers, is_cluster, can_preempt = "fake slurm", True, True, True

    def make_executor(self, home: Path, kind: str) -> Executor:
        return ClusterExecutor(Slurm(SlurmSettings(cpus=1)), make_command(home, kind), 1)

    def hold(self) -> None:
        """Let no job start."""
        self._switch("held", True)

    def release(self) -> None:
        self._switch("held", False)

    def vanish(self) -> None:
        """Let no command be answered any more; what runs goes on."""
        self._switch("down", True)

    def come_back(self) -> None:
        self._switch("down", False)

    def preempt(self, job: str) -> None:
        """Take the place of a running job for something else; it waits again, then goes on."""
        self.requeue(job)

    def requeue(self, job: str) -> None:
        """Put this running job, and no other, back into the queue."""
        subprocess.run(["scontrol", "requeue", job], check=True)

    def _switch(self, name: str, on: bool) -> None:
        path = Path(os.environ["FAKE_SLURM"], name)
        path.touch() if on else path.unlink(missing_ok=True)


class SlurmSite(FakeSlurmSite):
    """Jobs of `benchmarks.local_slurm`."""

    name = "slurm"

    def hold(self) -> None:
        local_slurm.set_partition("DOWN")

    def release(self) -> None:
        local_slurm.set_partition("UP")

    def vanish(self) -> None:
        self._configuration = os.environ["SLURM_CONF"]
        os.environ["SLURM_CONF"] = "/nowhere/slurm.conf"

    def come_back(self) -> None:
        os.environ["SLURM_CONF"] = self._configuration

    def preempt(self, job: str) -> None:
        local_slurm.preempt(job)

    def requeue(self, job: str) -> None:
        local_slurm.requeue(job)


class FakeRaySite(Site):
    """Jobs of a stand-in for Ray; its address is named by RAY_ADDRESS_FOR_TESTS."""

    name, has_workers, is_cluster = "fake ray", True, True
    ray: FakeRay | LocalRay  # in the process of the tests

    def make_executor(self, home: Path, kind: str) -> Executor:
        settings = RaySettings(address=os.environ[RAY_ADDRESS], cpus=1)
        self.cluster = RayJobs(settings)
        return ClusterExecutor(self.cluster, make_command(home, kind), 1)

    def hold(self) -> None:
        """Let no job start."""
        self.ray.held = True

    def release(self) -> None:
        self.ray.held = False

    def vanish(self) -> None:
        """Let no request be answered any more; what runs goes on."""
        self._address = self.cluster.address
        self.cluster.address = urlsplit("http://127.0.0.1:9")

    def come_back(self) -> None:
        self.cluster.address = self._address


class RaySite(FakeRaySite):
    """Jobs of `benchmarks.local_ray`."""

    name = "ray"

    def hold(self) -> None:
        self.ray.occupy()

    def release(self) -> None:
        self.ray.vacate()


_ALL = Site(), ProcessSite(), FakeSlurmSite(), SlurmSite(), FakeRaySite(), RaySite()
SITES = {site.name: site for site in _ALL}

if __name__ == "__main__":
    engine = SITES[sys.argv[2]].start(Path(sys.argv[1]), sys.argv[3])
    print(engine.submit(make_config()), flush=True)
    time.sleep(600)
