"""Start the app: `transfer-lab` or `transfer-lab serve`."""

import os
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

from transfer_core.cli.certificate import find_or_make_certificate
from transfer_core.runs import RunStore
from transfer_core.system import LOCAL_HOSTS, OPEN_OPTION, get_home
from transfer_core.workspaces import open_workspaces

STOPPED = 130  # exit status, as of the other commands
PACKAGE = Path(__file__).resolve().parents[1]


def find_app() -> Path:
    """Find the app's script: inside an installed package, or at the top of a checkout."""
    installed = PACKAGE / "_app" / "app.py"
    return installed if installed.is_file() else PACKAGE.parent / "app.py"


def has_screen() -> bool:
    """Whether a browser can be opened here; else one of text might take the terminal."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def serve(options: Namespace) -> int:
    """Start the app, which prints its address, and wait until it ends.

    Raises:
        RunError, WorkspaceError: If the data folder is newer than this program, or damaged.
    """
    RunStore(get_home()).close()
    open_workspaces(get_home())
    address = options.address or ("0.0.0.0" if options.share else LOCAL_HOSTS[0])
    files = find_or_make_certificate(get_home() / "https") if options.https else None
    opens = not options.no_browser and has_screen()
    app = subprocess.Popen(make_command(address, options.port, files, opens=opens))
    signal.signal(signal.SIGTERM, lambda *_: app.terminate())  # else the app would outlive us
    while True:
        try:
            status = app.wait()
            return STOPPED if status == -signal.SIGTERM else status
        except KeyboardInterrupt:  # the app has received it too, and ends
            continue


def make_command(
    address: str,
    port: int | None,
    certificate: tuple[Path, Path] | None = None,
    *,
    opens: bool = False,
) -> list[str]:
    """Return the command that starts the app.

    Args:
        address: The network address to listen on. `pages/server/hosts.py` says to which names
            the app then answers.
        port: The port to listen on; None takes the first free one from 8501.
        certificate: The files of a certificate and its key, to answer by https.
        opens: Whether it opens this computer's workspace in the browser.
    """
    command = [sys.executable, "-m", "streamlit", "run", str(find_app())]
    command += ["--server.address", address]
    if port is not None:
        command += ["--server.port", str(port)]
    if certificate:
        command += ["--server.sslCertFile", str(certificate[0])]
        command += ["--server.sslKeyFile", str(certificate[1])]
    if opens:
        command += ["--", OPEN_OPTION]
    return command
