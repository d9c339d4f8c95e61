"""Which attempt at a run may write: a later one ends those before it, wherever they run."""

import json
from pathlib import Path
from typing import Any

from transfer_core.runs.store.events import UNREADABLE
from transfer_core.system import write_atomically


class StaleAttempt(Exception):  # noqa: N818 - no error that anybody is told of
    """A later attempt at the run has begun, so this one may write nothing more."""


class AttemptFiles:
    """The files of a run that say who performs it.

    Args:
        path: The run's folder, named as the run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spec_file = path / "spec.json"  # the configuration and the attempt
        self.job_file = path / "job.json"  # the cluster's job that has the attempt, if one has
        self._attempt: tuple[int, int] | None = None  # that writes through this object

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    def begin_attempt(self, config: dict[str, Any], attempt: int) -> None:
        """Write the specification, which ends every earlier attempt.

        Args:
            config: The run's configuration, JSON only.
            attempt: Counted from 1.
        """
        self.job_file.unlink(missing_ok=True)
        self._write_spec({"run": self.id, "attempt": attempt, "config": config})

    def begin_restart(self, attempt: int, restart: int, job: str = "") -> bool:
        """Begin an attempt in a process that a cluster started, maybe not for the first time.

        Args:
            attempt: The one that the process was started for.
            restart: How often the cluster has started it again. The process before may still live,
                so each restart ends those before it too.
            job: The cluster's, if it may start two for one attempt: as SLURM does if it took the
                first, and its answer was lost.

        Returns:
            Whether it may go on: no if a later attempt or restart, or the same in another job, has
            begun.
        """
        now = self._read_attempt()
        if now is None or now[0] != attempt or now[1] > restart:
            return False
        spec = self.read_spec()
        if now[1] == restart and spec.get("job", job) != job:
            return False
        self._write_spec(spec | {"restart": restart, "job": job})
        return True

    def claim(self) -> None:
        """Remember the attempt that writes from here on, so that a later one can end it."""
        self._attempt = self._read_attempt()

    def check_attempt(self) -> None:
        """Raise StaleAttempt if a later attempt has begun since `claim`.

        A process that was cut off from its server, or asleep, may wake while another goes on with
        its run.
        """
        if self._attempt is not None and self._read_attempt() != self._attempt:
            raise StaleAttempt(f"run {self.id}, attempt and restart {self._attempt}")

    def read_spec(self) -> dict[str, Any]:
        """Return the specification: "run", "attempt", "config", and "restart" in a cluster."""
        return json.loads(self.spec_file.read_bytes())

    def write_job(self, cluster: str, job: str) -> None:
        """Note which job of a cluster has the run, so that the next server finds it."""
        write_atomically(self.job_file, json.dumps({"cluster": cluster, "job": job}).encode())

    def read_job(self, cluster: str) -> str | None:
        """Return the job that has the run in a cluster of this name; None if none has."""
        try:
            noted = json.loads(self.job_file.read_bytes())
            return noted["job"] if noted["cluster"] == cluster else None
        except (OSError, *UNREADABLE):
            return None

    def _write_spec(self, spec: dict[str, Any]) -> None:
        write_atomically(self.spec_file, json.dumps(spec, indent=1).encode())

    def _read_attempt(self) -> tuple[int, int] | None:
        try:
            spec = self.read_spec()
            return spec["attempt"], spec.get("restart", 0)
        except (OSError, ValueError):
            return None
