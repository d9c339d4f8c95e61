"""The package as a person installs it: built, put into a fresh environment, and used there."""

import http.client
import os
import re
import socket
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pages.server.health import HEALTH_ROUTE
from transfer_core.cli.serve import find_app

ROOT = Path(__file__).resolve().parents[1]
WEBSOCKET_REQUEST = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
FIRST_PAGE = """
import sys
from streamlit.testing.v1 import AppTest
from transfer_core.cli.serve import find_app
folder = find_app().parent
sys.path.insert(0, str(folder))  # as Streamlit does with the folder of the script
from pages.shared.session import belongings
belongings.read_cookie = lambda workspaces: None
app = AppTest.from_file(str(find_app()), default_timeout=60)
app.switch_page("pages/start.py").run()
assert not app.exception, app.exception
assert app.title and app.markdown, "the first page is empty"
print(folder)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([sys.executable, *command, str(ROOT)], check=True)
    return next(folder.glob("transfer_lab-*.whl"))


class Environment:
    """A fresh virtual environment that sees the libraries of this one, but not the checkout."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, venv = folder, folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        self.python, self.command = venv / "bin" / "python", venv / "bin" / "transfer-lab"
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "-q", "--no-deps"]
        subprocess.run([*pip, "--no-index", wheel], check=True)
        libraries = self.run(self.python, "-c", "import site; print(site.getsitepackages()[0])")
        Path(libraries.strip(), "torch.pth").write_text(sysconfig.get_path("purelib") + "\n")

    @property
    def variables(self) -> dict[str, str]:
        inherited = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
        return inherited | {"TRANSFER_HOME": str(self.folder / "home")}

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Environment:
    return Environment(tmp_path_factory.mktemp("elsewhere"), wheel)


@pytest.mark.slow
def test_the_wheel_holds_the_app_its_pages_and_the_weights(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    core = {path for path in (ROOT / "transfer_core").rglob("*") if path.is_file()}
    app = {ROOT / "app.py", *(path for path in (ROOT / "pages").rglob("*") if path.is_file())}
    expected = {str(path.relative_to(ROOT)) for path in core if "__pycache__" not in path.parts}
    expected |= {f"transfer_core/_app/{path.relative_to(ROOT)}" for path in app}
    assert {name for name in expected if "__pycache__" not in name} <= names
    assert "transfer_core/_app/.streamlit/config.toml" in names


@pytest.mark.slow
def test_the_installed_commands_work_outside_the_checkout(installed):
    assert "inspect" in installed.run(installed.command, "--help")
    assert "1797 images" in installed.run(installed.command, "inspect", "sample:digits")


@pytest.mark.slow
def test_the_installed_app_shows_its_first_page(installed):
    shown = installed.run(installed.python, "-c", FIRST_PAGE).strip()
    assert shown.endswith("site-packages/transfer_core/_app")


@pytest.mark.slow
def test_the_installed_app_prints_its_address_answers_there_and_to_no_other_name(installed):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [installed.command, "serve", "--no-browser", "--port", str(port)],
        cwd=installed.folder,
        env=installed.variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        printed = next(found for line in server.stdout if (found := re.search(r"http\S+", line)))
        assert printed.group() == f"http://localhost:{port}"
        assert b"<html" in urllib.request.urlopen(printed.group()).read()
        assert request_websocket(port, f"localhost:{port}") == 101
        assert request_websocket(port, f"rebound.example:{port}") == 403
    finally:
        server.terminate()
        assert server.wait(timeout=30) == 130
    with pytest.raises(ConnectionRefusedError):  # the app ends with the command that started it
        socket.create_connection(("127.0.0.1", port), timeout=5)


def request_websocket(port: int, host: str) -> int:
    """The status that a page which calls the server by this name receives."""
    connection = http.client.HTTPConnection("localhost", port, timeout=30)
    headers = WEBSOCKET_REQUEST | {"Host": host, "Origin": f"http://{host}"}
    connection.request("GET", "/_stcore/stream", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_checkout_starts_the_app_at_its_top():
    assert find_app() == ROOT / "app.py"


def test_the_versions_that_were_tested_are_versions_that_are_required():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    locked = dict(line.split("==") for line in lines if not line.startswith("#"))
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            wanted = Requirement(line)
            assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), line


def test_the_package_requires_what_the_requirements_file_lists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "dependencies" not in project["project"]
    hook = project["tool"]["hatch"]["metadata"]["hooks"]["requirements_txt"]
    assert hook["files"] == ["requirements.txt"]


def test_the_image_is_built_from_all_that_the_package_is_and_asked_for_its_health():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    built_from = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    tops = {path.split("/")[1] for path in built_from}
    assert tops | {"pyproject.toml", "README.md", "constraints.txt"} <= let_through
    containerfile = (ROOT / "Containerfile").read_text(encoding="utf-8")
    (port,) = re.findall(r'"--port", "(\d+)"', containerfile)
    assert f"localhost:{port}{HEALTH_ROUTE.path}'" in containerfile
    assert f"localhost:{port}{HEALTH_ROUTE.path}\n" in (ROOT / "docs/deployment.md").read_text()
    assert f":{port}:{port}" in (ROOT / "compose.yaml").read_text(encoding="utf-8")
