"""Getting an image from an address: off by default, nothing private, bounded in size and time."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from zips import make_picture

from transfer_core.errors import ImageError
from transfer_core.images import remote
from transfer_core.images.remote import fetch_image, is_public

PHOTO = make_picture(5)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        getattr(self, self.path.strip("/").partition("?")[0])()

    def photo(self):
        self.answer(200, PHOTO)

    def moved(self):
        self.answer(302, b"", Location="/photo")

    def inwards(self):
        self.answer(302, b"", Location="http://169.254.169.254/latest")

    def around(self):
        self.answer(302, b"", Location="/around")

    def file(self):
        self.answer(302, b"", Location="file:///etc/passwd")

    def missing(self):
        self.answer(404, b"nothing")

    def endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"0" * 1024**2)
        except OSError:
            pass

    def trickling(self):
        try:
            for _ in range(100):
                self.wfile.write(b"H")
                time.sleep(0.05)
        except OSError:
            pass

    def answer(self, status, content, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A local server whose address counts as public, so that it can be asked at all."""
    monkeypatch.setenv(remote.SETTING, "1")
    monkeypatch.setattr(remote, "is_public", lambda a: a == "127.0.0.1" or is_public(a))
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.asked = []
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def make_address(server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"


@pytest.mark.parametrize("path", ["photo", "photo?size=1", "moved"])
def test_the_file_at_the_address_comes_as_it_is(server, path):
    assert fetch_image(make_address(server, path)) == PHOTO


def test_nothing_is_asked_unless_the_server_allows_it(server, monkeypatch):
    monkeypatch.delenv(remote.SETTING)
    with pytest.raises(ImageError, match="gets no images"):
        fetch_image(make_address(server, "photo"))
    assert server.asked == []


@pytest.mark.parametrize("path", ["inwards", "file"])
def test_a_redirect_is_checked_like_the_address_itself(server, path):
    with pytest.raises(ImageError, match="public internet|no address"):
        fetch_image(make_address(server, path))


@pytest.mark.parametrize("path", ["around", "missing"])
def test_what_leads_nowhere_is_told(server, path):
    with pytest.raises(ImageError, match="on and on|404"):
        fetch_image(make_address(server, path))


def test_a_file_without_end_is_left_off(server, monkeypatch):
    monkeypatch.setattr(remote, "MAX_BYTES", 2 * 1024**2)
    with pytest.raises(ImageError, match="too large"):
        fetch_image(make_address(server, "endless"))


def test_an_answer_that_trickles_in_is_cut_off_when_the_time_is_up(server, monkeypatch):
    monkeypatch.setattr(remote, "TIMEOUT_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(ImageError, match="not in"):
        fetch_image(make_address(server, "trickling"))
    assert time.monotonic() - began < 4  # the answer itself takes five seconds


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/x.png",
        "http://localhost/x.png",
        "http://[::1]/x.png",
        "http://0/x.png",
        "http://10.0.0.1/x.png",
        "http://169.254.169.254/",
        "http://2130706433/x.png",
        "http://[::ffff:127.0.0.1]/x.png",
        "http://[64:ff9b::7f00:1]/x.png",
    ],
)
def test_private_addresses_are_refused_however_they_are_written(address, monkeypatch):
    monkeypatch.setenv(remote.SETTING, "1")
    with pytest.raises(ImageError, match="public internet|does not answer"):
        fetch_image(address)


@pytest.mark.parametrize(
    "address",
    [
        "::127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b:1::7f00:1",
        "64:ff9b::808:808",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "3fff::1",
        "192.0.0.192",
        "192.88.99.1",
        "100.64.0.1",
        "::ffff:8.8.8.8",
        "fec0::1",
        "ff02::1",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_an_address_that_stands_for_another_or_is_kept_for_a_purpose_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::6810:84e5"])
def test_an_ordinary_address_is_public(address):
    assert is_public(address)


def test_a_name_that_nobody_resolves_is_given_up_in_time(monkeypatch):
    monkeypatch.setenv(remote.SETTING, "1")
    monkeypatch.setattr(remote, "TIMEOUT_SECONDS", 0.2)
    given_up = threading.Event()

    def resolve(*_, **__):
        given_up.wait(3)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ImageError, match="not in"):
        fetch_image("http://example.org/x.png")
    given_up.set()


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.org/x.png",
        "file:///etc/passwd",
        "x.png",
        "",
        "http://[/",
        "http://user:word@example.org/x.png",
    ],
)
def test_what_is_no_web_address_is_refused(address, monkeypatch):
    monkeypatch.setenv(remote.SETTING, "1")
    with pytest.raises(ImageError, match="no address|does not answer"):
        fetch_image(address)


def test_a_name_with_one_private_address_among_others_is_refused(monkeypatch):
    monkeypatch.setenv(remote.SETTING, "1")

    def resolve(*_, **__):
        return [(socket.AF_INET, 0, 0, "", (a, 80)) for a in ("93.184.215.14", "192.168.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ImageError, match="public internet"):
        fetch_image("http://example.org/x.png")


def test_the_connection_goes_to_the_address_that_was_checked(server, monkeypatch):
    """A name that resolves otherwise the second time leads nowhere else."""
    asked = []

    def resolve(host, port, *_, **__):
        asked.append(host)
        private = host == "rebinding.example" and len(asked) > 1
        return [(socket.AF_INET, 1, 6, "", ("10.0.0.1" if private else "127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert fetch_image(f"http://rebinding.example:{server.server_port}/photo") == PHOTO
    assert asked.count("rebinding.example") == 1
