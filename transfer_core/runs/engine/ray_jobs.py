"""Ray as a cluster, by the HTTP interface of its jobs, so that the server needs no package of Ray.

A run is one job on one node. A run on several GPUs, too: its job starts the other ranks itself
(`runs.rank_team`). Ray's TorchTrainer would only be needed for ranks on several nodes.
"""

import json
import logging
import os
import re
import shlex
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from transfer_core.errors import SettingsError
from transfer_core.languages import _
from transfer_core.runs.engine.cluster import ClusterError, make_job_death, make_job_environment
from transfer_core.runs.engine.executor import ProcessDied
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.settings import RaySettings

ANSWER_SECONDS = 10.0  # after which Ray counts as not answering
RAY_TOKEN_VARIABLE = "TRANSFER_RAY_TOKEN"
TOKEN_FILE = Path("~/.ray/auth_token")  # where Ray's own commands keep it
# Variables of the server that jobs get. Whoever holds the token may read them.
PASSED = "PYTHONPATH", "TRANSFER_", "TORCH_HOME", "HF_HOME", "HF_HUB_", "HF_ENDPOINT"
KEPT_JOBS = 100  # of those that are over: Ray itself forgets none, and lists them all each time
_PREFIX = "transfer-lab-"
_LIVING = "PENDING", "RUNNING"

_LOG = logging.getLogger(__name__)


class RayJobs:
    """Starts jobs by Ray's Jobs API.

    Args:
        settings: Where Ray is, and what each job asks for.

    Raises:
        SettingsError: If Ray refuses the token.
    """

    name = "ray"

    def __init__(self, settings: RaySettings) -> None:
        self._settings, self.address = settings, urlsplit(settings.address)
        self._token = _make_token_header()
        self._taken_back: set[str] = set()  # Ray ends these only when they have a place
        try:
            self._list()
        except _TokenRefused as error:
            raise SettingsError(
                _("Ray refuses the token of this server."),
                found=str(error),
                remedy=_("Set {variable} to Ray's token.", variable=RAY_TOKEN_VARIABLE),
            ) from error
        except ClusterError as error:
            _LOG.warning("Ray does not answer, so runs wait: %s", error)

    def submit(self, command: Sequence[str], directory: RunDirectory) -> str:
        """Hand over a job and return its id."""
        self._forget_old_jobs()
        spec, settings = directory.read_spec(), self._settings
        devices = spec["config"]["devices"]
        job = f"{_PREFIX}{directory.id}-a{spec['attempt']}"
        given = make_job_environment().items()
        variables = [f"{name}={value}" for name, value in given if name.startswith(PASSED)]
        log = shlex.quote(str(directory.log_file))
        asked = {
            "submission_id": job,
            "entrypoint": f"exec env {shlex.join([*variables, *command])} >>{log} 2>&1",
            "entrypoint_num_cpus": settings.cpus * devices,
            "entrypoint_num_gpus": settings.gpus and devices,
            "entrypoint_memory": settings.memory_gb and (settings.memory_gb * devices) << 30,
        }
        try:
            self.call("POST", "", asked)
        except ClusterError as error:
            if "already exists" not in str(error):  # only the answer was lost the last time
                raise
        return job

    def list_jobs(self) -> set[str]:
        """Return the jobs that wait or run."""
        living = {job for job, told in self._list().items() if told["status"] in _LIVING}
        return living - self._taken_back

    def stop(self, job: str) -> None:
        """Take a waiting job back; a running one finds the file STOP and keeps its network."""
        if self._list().get(job, {}).get("status") == "PENDING":
            self.call("POST", f"{job}/stop")
            self._taken_back.add(job)

    def explain_end(self, job: str) -> ProcessDied | None:
        """Say why a job is over although its run is not; None if it never had a place.

        Ray gives a job up that waits for longer than RAY_JOB_START_TIMEOUT_SECONDS.
        """
        told = self._list().get(job)
        if told is None:
            return make_job_death(f"Ray knows no job {job}: it was started anew.")
        if told["error_type"] == "JOB_SUPERVISOR_ACTOR_START_TIMEOUT":
            _LOG.warning("job %s waits once more: %s", job, told["message"])
            self.call("DELETE", job)
            return None
        known = (told[key] for key in ("status", "error_type", "driver_exit_code"))
        return make_job_death(f"Ray job {job}: {', '.join(str(each) for each in known if each)}")

    def _forget_old_jobs(self) -> None:
        ours = {job: told for job, told in self._list().items() if job.startswith(_PREFIX)}
        over = [job for job, told in ours.items() if told["status"] not in _LIVING]
        over.sort(key=lambda job: ours[job]["end_time"] or 0)
        for job in over[:-KEPT_JOBS]:
            self.call("DELETE", job)

    def _list(self) -> dict[str, dict[str, Any]]:
        """What Ray tells of each job, by its id."""
        return {told["submission_id"]: told for told in self.call("GET") if told["submission_id"]}

    def call(self, method: str, path: str = "", content: dict[str, Any] | None = None) -> Any:
        """Return what Ray answers to a request below /api/jobs/."""
        connect = HTTPSConnection if self.address.scheme == "https" else HTTPConnection
        headers = {"Content-Type": "application/json", **self._token}
        body = None if content is None else json.dumps(content)
        try:
            with closing(connect(self.address.netloc, timeout=ANSWER_SECONDS)) as connection:
                connection.request(method, f"/api/jobs/{path}", body, headers)
                answer = connection.getresponse()
                text = answer.read().decode()
            if answer.status == 200:
                return json.loads(text)
        except (OSError, HTTPException, ValueError) as error:
            raise ClusterError(f"{self.address.netloc}: {error!r}") from error
        kind = _TokenRefused if answer.status in (401, 403) else ClusterError
        said = re.findall(r"^\w+Error: (.+)", text, re.MULTILINE)  # below the lines of its program
        raise kind(f"{answer.status}: {said[-1] if said else text.strip()}")


class _TokenRefused(ClusterError):
    """The token is missing or wrong."""


def _make_token_header() -> dict[str, str]:
    token, file = os.environ.get(RAY_TOKEN_VARIABLE, ""), TOKEN_FILE.expanduser()
    if not token and file.exists():
        token = file.read_text().strip()
    return {"Authorization": f"Bearer {token}"} if token else {}
