"""The protocol of clusters: they start a job on one of their computers, and know whether it lives.

A job is `runs.cluster_job` with a run's id and attempt: never a text that a person wrote. What it
reports and how it ended stands in the run's folder, which every computer of the cluster sees.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from transfer_core.languages import N_
from transfer_core.runs.engine.executor import ProcessDied
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import Failed


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

    def explain_end(self, job: str) -> ProcessDied:
        """Say why a job is over although its run is not, and whether another may do better."""


def make_job_death(found: str) -> ProcessDied:
    """Say that a job ended, or was lost, and that another may do better.

    Args:
        found: What the cluster tells of it.
    """
    problem = N_("The run was interrupted: the job that performed it ended before it did.")
    remedy = N_("Start it again with the same settings.")
    return ProcessDied(Failed(problem, found, remedy), may_retry=True)
