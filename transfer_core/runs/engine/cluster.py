"""The protocol of clusters: they start a job on one of their computers, and know whether it lives.

A job is `runs.cluster_job` with a run's id and attempt: never a text that a person wrote. What it
reports and how it ended stands in the run's folder, which every computer of the cluster sees.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from transfer_core.languages import N_
from transfer_core.runs.engine.executor import ProcessDied
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import Failed

# Jobs do not need them, and clusters store what jobs get.
SECRETS = {"TRANSFER_TEACHER_PASSWORD", "TRANSFER_RAY_TOKEN"}
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]


class ClusterError(Exception):
    """A cluster refuses, or does not answer; the text is what it said."""


class Cluster(Protocol):
    """Starts and ends jobs. Every method may raise ClusterError."""

    name: str  # as in TRANSFER_EXECUTOR

    def submit(self, command: Sequence[str], directory: RunDirectory) -> str:
        """Hand over a job and return its id, by which any process of this computer finds it.

        Several threads may call it at once, each for another run.

        Args:
            command: Performs the run; its id and attempt come last.
            directory: The run's folder.
        """

    def list_jobs(self) -> Collection[str]:
        """Return the jobs of this user that wait or run."""

    def stop(self, job: str) -> None:
        """Take a waiting job back; let a running one stop its run and keep its network.

        Asked again until the job is over.
        """

    def explain_end(self, job: str) -> ProcessDied | None:
        """Say why a job is over although its run is not, and whether another may do better.

        Returns:
            None if the cluster gave the job up before it had a place: it is handed over again.
        """


def make_job_death(found: str) -> ProcessDied:
    """Say that a job ended, or was lost, and that another may do better.

    Args:
        found: What the cluster tells of it.
    """
    problem = N_("The run was interrupted: the job that performed it ended before it did.")
    remedy = N_("Start it again with the same settings.")
    return ProcessDied(Failed(problem, found, remedy), may_retry=True)


def make_job_environment() -> dict[str, str]:
    """Return the server's environment for its jobs: without secrets, with the package's path."""
    path = os.pathsep.join(filter(None, (str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH"))))
    given = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return given | {"PYTHONPATH": path}
