"""Start the app: `transfer-lab` or `transfer-lab serve`."""

import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# A web page elsewhere may give its own name the address of this computer (DNS rebinding), and
# would then reach an app that answers to any name.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def find_app() -> Path:
    """Find the app's script: inside an installed package, or at the top of a checkout."""
    installed = PACKAGE / "_app" / "app.py"
    return installed if installed.is_file() else PACKAGE.parent / "app.py"


def serve(options: Namespace) -> int:
    """Start the app, which prints its address, and wait until it ends."""
    app = subprocess.Popen(make_command(options.address, options.port))
    signal.signal(signal.SIGTERM, lambda *_: app.terminate())  # else the app would outlive us
    while True:
        try:
            return app.wait()
        except KeyboardInterrupt:  # the app has received it too, and ends
            continue


def make_command(address: str, port: int | None) -> list[str]:
    """Return the command that starts the app.

    Args:
        address: The network address to listen on. An address of this computer alone makes the
            app answer to no other name than `LOCAL_HOSTS`; see docs/deployment.md.
        port: The port to listen on; None takes the first free one from 8501.
    """
    command = [sys.executable, "-m", "streamlit", "run", str(find_app())]
    command += ["--server.address", address]
    if port is not None:
        command += ["--server.port", str(port)]
    if address in LOCAL_HOSTS:
        for host in LOCAL_HOSTS:
            command += ["--server.allowedHosts", host]
    return command
