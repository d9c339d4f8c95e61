"""What drives a real Chromium: the browser, servers of the app, and waiting for a page."""

import multiprocessing
import os
import re
import shutil
import socket
import sys
import time
import urllib.request
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest

from pages.shared.workspace_cookie import name_cookie
from transfer_core.workspaces import open_workspaces

ROOT = Path(__file__).resolve().parents[1]
REQUIRED = os.environ.get("TRANSFER_LAB_REQUIRE_BROWSER") == "1"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")  # not longer: its loop is in the way of tests that run their own
def browser():
    if CHROMIUM is None:
        if REQUIRED:
            pytest.fail("browser tests are required, and no chromium is installed")
        pytest.skip("no chromium on this machine: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


COOKIES: list[dict] = []  # that a browser needs for this computer's workspace on each server


# Servers are forked from a process that has imported what takes each of them seconds. It imports
# nothing of the app, and no onnxruntime, whose thread a fork would lose.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["pandas", "plotly.graph_objects", "sklearn.neighbors", "streamlit.web.cli", "torchvision"]
)


def run_app(arguments: list[str], environment: dict[str, str]) -> None:
    """Be `streamlit run`, without a word."""
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    from streamlit.web.cli import main

    main(["run", *arguments], prog_name="streamlit")


class Server:
    """A fresh server with a data folder of its own."""

    def __init__(
        self, home: Path, app: Path = ROOT / "app.py", started_by: BaseContext = FORKS
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        options = ["--server.port", str(port), "--server.address", "127.0.0.1"]
        for host in ("127.0.0.1", "lab.test"):  # the second, for tests, is neither https nor local
            options += ["--server.allowedHosts", host]
        self._share_timings(home)
        environment = os.environ | {"TRANSFER_HOME": str(home), "PYTHONPATH": str(ROOT)}
        self.process = started_by.Process(target=run_app, args=([str(app), *options], environment))
        self.process.start()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1).read()
                self.workspaces = workspaces = open_workspaces(home)
                name, secret = name_cookie(workspaces), workspaces.read_own_secret()
                COOKIES.append({"name": name, "value": secret, "url": self.url})
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError("the server did not start")

    def find_public_id(self, data_id: str) -> str:
        """What addresses name a data set of this computer's workspace by."""
        return self.workspaces.find_public_id(self.workspaces.this_computer, data_id)

    def close(self) -> None:
        self.process.terminate()
        self.process.join(timeout=30)

    @staticmethod
    def _share_timings(home: Path) -> None:
        """Let servers share what they measured of this computer, though each has its own home."""
        shared = Path(os.environ["TRANSFER_MACHINE_FOLDER"]) / "timings"
        for folder in (shared, home):
            folder.mkdir(parents=True, exist_ok=True)
        if not (home / "timings").exists():
            (home / "timings").symlink_to(shared)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server that tests share, each with sessions of its own."""
    running = Server(tmp_path_factory.mktemp("home"))
    yield running
    running.close()


@pytest.fixture
def open_page(browser):
    contexts, elsewhere = [], []

    def record_request(request):
        if not re.match(r"(ws|http)://127\.0\.0\.1[:/]|data:|blob:", request.url):
            elsewhere.append(request.url)

    def open_tab(width=1280, scheme="light", *, is_stranger=False, **options):
        """A browser of its own: one with this computer's workspace, or a stranger's."""
        view = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=view, color_scheme=scheme, **options))
        contexts[-1].on("request", record_request)
        if not is_stranger:
            contexts[-1].add_cookies(COOKIES)
        page = contexts[-1].new_page()
        page.set_default_timeout(90_000)
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert elsewhere == []  # everything works offline


def wait_until_settled(page) -> None:
    """Wait until the page's script has ended and what it sent last is drawn."""
    page.locator("h1").first.wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_timeout(200)


def measure_overflow(page) -> int:
    """Pixels by which the page is wider than the screen."""
    wait_until_settled(page)
    return page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]');"
        "return m.scrollWidth - m.clientWidth }"
    )
