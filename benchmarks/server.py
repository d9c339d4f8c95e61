"""A server of the app with a data folder of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pages.shared.workspace_cookie import name_cookie
from transfer_core.workspaces import open_workspaces

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT_SECONDS = 60  # seconds


@contextmanager
def run_server(home: Path, app: Path = ROOT / "app.py") -> Iterator[tuple[int, str]]:
    """Start a server, and end it afterwards.

    Args:
        home: Its data folder.
        app: What it serves.

    Yields:
        Its process id and its address, "127.0.0.1:PORT", as soon as it answers.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1"]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(app), *options],
        cwd=ROOT,
        env=os.environ | {"TRANSFER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/_stcore/health")
        yield server.pid, f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def make_cookie(home: Path) -> dict[str, str]:
    """The header of a browser that has the workspace of this computer."""
    workspaces = open_workspaces(home)
    return {"Cookie": f"{name_cookie(workspaces)}={workspaces.read_own_secret()}"}


def _wait_until_ready(address: str) -> None:
    end = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=1).read()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("The server did not start.")
