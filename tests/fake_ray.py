"""A stand-in for the part of Ray's Jobs API that the program uses, where there is no Ray.

Each job is a process of this computer. It does what the tests need of the real one, which the same
tests try with `--ray`.
"""

import json
import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "fake-token"


class FakeRay:
    """A Ray at `address`, until `close`."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict] = {}  # what is told of each, by its id
        self.held = self.is_down = False
        self._processes: list[subprocess.Popen] = []
        self._stopped: set[str] = set()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                content = json.loads(self.rfile.read(length)) if length else None
                status, text = fake._answer(self.command, self.path, self.headers, content)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 - as the server calls them

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """End the server and all jobs."""
        self._server.shutdown()
        self._server.server_close()
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def give_up(self) -> None:
        """Fail the jobs that wait, as Ray does when they have waited for too long."""
        for told in self.jobs.values():
            if told["status"] == "PENDING":
                why = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"
                told |= {"status": "FAILED", "error_type": why, "message": "Too long."}

    def _answer(self, method: str, path: str, headers, content) -> tuple[int, str]:
        if self.is_down:
            return 500, "No available agent to submit job, please try again later."
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 403, "Forbidden: Invalid authentication token"
        job = path.removeprefix("/api/jobs/").removesuffix("/stop")
        if method == "GET":
            driver = {"type": "DRIVER", "submission_id": None, "status": "RUNNING"}
            return 200, json.dumps([driver, *self.jobs.values()])
        if method == "DELETE":
            del self.jobs[job]
            return 200, '{"deleted": true}'
        if path.endswith("/stop"):
            self._stopped.add(job)
            return 200, '{"stopped": true}'
        return self._submit(content)

    def _submit(self, content: dict) -> tuple[int, str]:
        if (job := content["submission_id"]) in self.jobs:
            return (
                500,
                f"Traceback:\n  File x\nValueError: Job {job} already exists. Use another.\n.\n",
            )
        ended = {"error_type": None, "message": "", "end_time": None, "driver_exit_code": None}
        self.jobs[job] = told = {**content, **ended, "status": "PENDING"}
        threading.Thread(target=self._attend, args=(job, told), daemon=True).start()
        return 200, json.dumps({"submission_id": job})

    def _attend(self, job: str, told: dict) -> None:
        while self.held:
            time.sleep(0.02)
        if told["status"] != "PENDING":
            return
        process = subprocess.Popen(told["entrypoint"], shell=True, start_new_session=True)
        self._processes.append(process)
        told["status"] = "RUNNING"
        while process.poll() is None:
            if job in self._stopped:
                process.terminate()
            time.sleep(0.02)
        code = process.returncode
        told |= {"driver_exit_code": code, "end_time": time.time_ns() // 1_000_000}
        told["status"] = "FAILED" if code else "SUCCEEDED"
