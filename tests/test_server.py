"""The server's door: names, origins, closed addresses, health, log; asked as a stranger would."""

import asyncio
import http.client
import json
import logging
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pages.server import announce, hosts
from pages.server.crowd import Crowd
from pages.server.guard import Guard
from pages.server.log import LineFormatter
from transfer_core.cli import certificate
from transfer_core.system import list_addresses

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
ROOT = Path(__file__).resolve().parents[1]


def ask(url: str, method: str, path: str, context=None, **headers) -> int:
    """The status of the answer; headers may replace `Host`, and None leaves one out."""
    address = urlsplit(url).netloc
    kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
    line = kind(address, timeout=30, **({"context": context} if context else {}))
    given = {"Host": address} | {key.replace("_", "-"): value for key, value in headers.items()}
    line.putrequest(method, path, skip_host=True)
    for name, value in given.items():
        if value is not None:
            line.putheader(name, value)
    line.endheaders()
    status = line.getresponse().status
    line.close()
    return status


def connect(url: str, context=None, **headers) -> int:
    """The status that the page's websocket gets."""
    origin = {"Origin": url} | headers
    return ask(url, "GET", "/_stcore/stream", context, **WEBSOCKET, **origin)


@pytest.mark.parametrize("path", ["/", "/health", "/_stcore/health", "/downloads/images/x"])
@pytest.mark.parametrize("host", ["rebound.example", "localhost.evil.example", "a@localhost", None])
def test_no_address_answers_to_a_strange_name(server, path, host):
    assert ask(server.url, "GET", path, Host=host) in (400, 403)
    assert ask(server.url, "GET", "/") == 200


@pytest.mark.parametrize("path", ["/", "/health", "/data?workspace=secret", "/downloads/images/x"])
def test_no_answer_can_be_framed_guessed_at_or_named_to_other_sites(server, path):
    try:
        answer = urllib.request.urlopen(f"{server.url}{path}", timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    told = [answer.headers[name] for name in ("X-Frame-Options", "X-Content-Type-Options")]
    assert told == ["SAMEORIGIN", "nosniff"]
    assert answer.headers["Referrer-Policy"] == "same-origin"
    answer.close()


def test_a_websocket_opens_for_the_pages_of_this_server_only(server):
    assert connect(server.url) == 101
    for origin in (None, "null", "http://evil.example", "http://localhost:1", f"{server.url}0"):
        assert connect(server.url, Origin=origin) == 403, origin
    rebound = f"rebound.example:{urlsplit(server.url).port}"
    assert connect(server.url, Host=rebound, Origin=f"http://{rebound}") == 403


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/uploads", "/_stcore/upload_file/a/b"])
def test_nothing_is_changed_by_the_pages_of_others(server, method, path):
    assert ask(server.url, method, path) == 403
    assert ask(server.url, method, path, Origin="http://evil.example") == 403


@pytest.mark.parametrize(
    "path", ["metrics", "metrics/", "agent/mcp", "agent/openapi.json", "script-health-check"]
)
def test_what_the_app_does_not_use_is_closed(server, path):
    assert ask(server.url, "GET", f"/_stcore/{path}") == 404
    assert ask(server.url, "POST", f"/_stcore/{path}", Origin=server.url) == 404


def test_uploads_without_a_ticket_or_without_a_length_are_refused(server):
    own = {"Origin": server.url}
    assert ask(server.url, "PUT", "/uploads", Content_Length="5", **own) == 403
    small = "/_stcore/upload_file/a/b"
    assert ask(server.url, "PUT", small, Content_Length=str(2**31), **own) == 413
    assert ask(server.url, "PUT", small, Transfer_Encoding="chunked", **own) == 411


def test_health_is_told_in_a_few_words(server):
    end = time.monotonic() + 30  # the first measurement takes a moment
    while ask(server.url, "GET", "/health") != 200 and time.monotonic() < end:
        time.sleep(0.1)
    with urllib.request.urlopen(f"{server.url}/health", timeout=30) as answer:
        told = json.load(answer)
    assert told["status"] == "ok" and told["runs_waiting"] == 0
    assert set(told) == {"status", "version", "disk_is_enough", "runs_waiting"}


def set_options(monkeypatch, **options):
    known = {"server.allowedHosts": [], "server.sslCertFile": None, "server.port": 8501}
    known |= {
        "server.corsAllowedOrigins": [],
        "server.baseUrlPath": "",
        "server.address": "localhost",
    }
    known |= {f"server.{name}": value for name, value in options.items()}
    for module in (hosts.st, hosts.st.config):
        monkeypatch.setattr(module, "get_option", known.get)


def test_a_server_for_others_answers_to_its_own_name_and_to_numbers(monkeypatch):
    own = socket.gethostname()
    set_options(monkeypatch)
    assert hosts.is_answered_to("localhost:8501") and hosts.is_answered_to("[::1]:8501")
    assert not hosts.is_answered_to("192.168.1.20:8501")
    set_options(monkeypatch, address="0.0.0.0")
    for name in ("192.168.1.20:8501", "[fd00::1]:8501", own.upper(), f"{own}.local:1", "localhost"):
        assert hosts.is_answered_to(name), name
    for name in ("rebound.example", "", "1.2.3.4.example", "1.2.3.4/x", "u@1.2.3.4", "1.2.3.4:x"):
        assert not hosts.is_answered_to(name), name
    set_options(monkeypatch, address="0.0.0.0", allowedHosts=["lab.example"])
    assert hosts.is_answered_to("lab.example:443") and not hosts.is_answered_to("192.168.1.20")


def test_a_local_server_says_how_others_get_in(monkeypatch, capsys):
    set_options(monkeypatch)
    announce.announce()
    assert "transfer-lab --share lets others in" in capsys.readouterr().out
    set_options(monkeypatch, allowedHosts=["localhost", "lab.example"])
    announce.announce()
    assert "a proxy for lab.example lets others in" in capsys.readouterr().out


def test_the_refusal_of_a_strange_name_says_which_setting_lists_it(server):
    request = urllib.request.Request(server.url, headers={"Host": "lab.example"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=30)
    assert refusal.value.code == 403 and b"STREAMLIT_SERVER_ALLOWED_HOSTS" in refusal.value.read()


def test_a_full_server_says_so_and_puts_nobody_out(monkeypatch):
    monkeypatch.setenv("TRANSFER_SESSIONS", "2")

    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
        await send({"type": "passed"})

    crowd = Crowd(app)

    async def come(kind: str, browser: str, accept: str = "text/html", leave=None) -> list:
        told, headers = [], [(b"accept", accept.encode())]
        headers += [(b"cookie", f"a=b; transfer_lab_1={browser}".encode())] if browser else []

        async def send(message):
            told.append(message.get("status") or message.get("code") or message["type"])

        scope = {"type": kind, "path": "/", "method": "GET", "headers": headers}
        await crowd(scope, leave.wait if leave else None, send)
        return told

    async def try_all() -> None:
        left = asyncio.Event()
        inside = [asyncio.create_task(come("websocket", name, leave=left)) for name in "ab"]
        await asyncio.sleep(0)
        assert await come("websocket", "c") == [1013]
        assert (await come("http", "c"))[0] == (await come("http", ""))[0] == 503
        assert await come("http", "a") == ["passed"]  # loads the page anew
        assert await come("http", "c", "*/*") == ["passed"]  # an image, the health
        left.set()
        assert await asyncio.gather(*inside) == [["passed"]] * 2
        assert await come("http", "c") == ["passed"] == await come("websocket", "c", leave=left)

    asyncio.run(try_all())


def test_a_proxy_that_renames_the_host_is_let_in_by_its_outer_address(monkeypatch):
    outer = "https://lab.example"
    set_options(monkeypatch, corsAllowedOrigins=[outer])
    passed = []

    async def app(scope, _receive, _send):
        passed.append(dict(scope["headers"])[b"origin"])

    async def send(message):
        passed.append(message["type"])

    for origin in (outer, "https://evil.example"):
        headers = [(b"host", b"localhost:8501"), (b"origin", origin.encode())]
        scope = {"type": "websocket", "path": "/_stcore/stream", "headers": headers}
        asyncio.run(Guard(app)(scope, None, send))
    # Streamlit would ask the internet whether another origin is this computer's address.
    assert passed == [b"http://localhost:8501", "websocket.close"]


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "0.0.0.0", "192.168.1.20"])
def test_the_start_says_who_can_open_the_app(monkeypatch, capsys, address):
    set_options(monkeypatch, address=address)
    announce.announce()
    told = capsys.readouterr().out
    shared = address not in hosts.LOCAL_HOSTS
    assert ("Everyone in this network" in told) is shared
    assert ("Only this computer" in told) is not shared
    assert ("█" in told) is shared  # the code for a phone
    if address == "192.168.1.20":
        assert "http://192.168.1.20:8501" in told


def test_the_log_has_one_line_an_event_and_no_secret():
    record = logging.LogRecord("n", 20, "", 0, "GET /data?workspace=SECRET\nx %s", ("a\nb",), None)
    record.fields = {"path": "/?share=SECRET", "name": "evil\nname\u2028"}
    line = LineFormatter().format(record)
    assert "\n" not in line and "\u2028" not in line and "SECRET" not in line
    assert json.loads(line)["name"] == "evil\nname\u2028"


def test_a_certificate_is_kept_until_it_ends_or_an_address_is_new(tmp_path, monkeypatch):
    kept, key = certificate.find_or_make_certificate(tmp_path / "https")
    first = kept.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    certificate.find_or_make_certificate(tmp_path / "https")
    assert kept.read_bytes() == first
    monkeypatch.setattr(certificate, "list_addresses", lambda: ["192.168.77.5"])
    certificate.find_or_make_certificate(tmp_path / "https")
    second = kept.read_bytes()
    assert second != first
    monkeypatch.setattr(certificate, "RENEW_DAYS", 400)
    certificate.find_or_make_certificate(tmp_path / "https")
    assert kept.read_bytes() != second


def wait_for(file: Path) -> None:
    """Wait until something is written into a file."""
    end = time.monotonic() + 30
    while not (file.is_file() and file.read_text().endswith("\n")):
        assert time.monotonic() < end
        time.sleep(0.05)


def fetch_cookie(link: str, context: ssl.SSLContext) -> str:
    """The cookie with which a link answers."""
    address = urlsplit(link)
    line = http.client.HTTPSConnection(address.netloc, timeout=30, context=context)
    line.request("GET", f"/?{address.query}", headers={"Accept": "text/html"})
    told = line.getresponse().headers.get("set-cookie", "")
    line.close()
    return told


def read_first_address(line):
    """The address that a line tells, if any; nothing else is printed before the first one."""
    found = re.search(r"https://\S+", line)
    assert found or not line.strip(), line
    return found and found[0]


@pytest.mark.slow
def test_a_shared_server_with_https_lets_the_network_in_and_nobody_under_another_name(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}')
    browser.chmod(0o700)
    given = {"TRANSFER_HOME": str(tmp_path), "DISPLAY": ":0", "BROWSER": str(browser)}
    app = subprocess.Popen(
        [sys.executable, "-m", "transfer_core", "--share", "--https", "--port", str(port)],
        cwd=ROOT,
        env=os.environ | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url = next(found for line in app.stdout if (found := read_first_address(line)))
        assert urlsplit(url).hostname == [*list_addresses(), "localhost"][0]
        context = ssl.create_default_context(cafile=tmp_path / "https" / "certificate.pem")
        for address in (url, f"https://localhost:{port}"):
            assert ask(address, "GET", "/", context) == 200
            assert connect(address, context) == 101
        assert ask(url, "GET", "/", context, Host="rebound.example") == 403
        wait_for(opened)
        link, secret = opened.read_text(), (tmp_path / "this_computer.secret").read_text()
        assert link.startswith(f"https://localhost:{port}/?workspace=") and secret not in link
        taken = [fetch_cookie(link.strip(), context) for __ in range(2)]
        assert taken[0].partition(";")[0].endswith(f"={secret}") and taken[1] == ""
    finally:
        app.terminate()
        app.wait(timeout=30)
    lines = (tmp_path / "logs" / f"server-{port}.log").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [e["what"] for e in events if e["what"].startswith("server")] == [
        "server started",
        "server ended",
    ]
    assert any(e["what"] == "refused" and e["status"] == 403 for e in events)
    assert {e["what"] for e in events if "client" in e} == {"refused"}
