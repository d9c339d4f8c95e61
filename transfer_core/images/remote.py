"""Get an image from an address, where the server allows it: bounded, and nothing private.

A server that gets whatever address a visitor names can be made to ask machines behind it.
So it is off unless switched on, every address is resolved and checked before anything is
sent, also after a redirect, and the connection goes to the very address that was checked.
"""

import http.client
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import SplitResult, urljoin, urlsplit

from transfer_core.errors import ImageError

SETTING = "TRANSFER_ALLOW_ADDRESSES"  # environment variable; "1" switches it on
MOST_BYTES = 20 * 1024**2
SECONDS = 15.0  # for everything, redirects included
REDIRECTS = 3
BLOCK = 64 * 1024  # bytes read at a time
MOVED = (301, 302, 303, 307, 308)
HEADERS = {"User-Agent": "transfer-lab", "Accept": "image/*", "Connection": "close"}
CONNECTIONS = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
# IPv6 addresses that stand for IPv4 ones, which a gateway would reach in their place.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


def allowed() -> bool:
    """Whether whoever runs this server allows it to get images from addresses."""
    return os.environ.get(SETTING) == "1"


def fetch_image(address: str) -> bytes:
    """The file at an address; whether it is an image shows when it is decoded.

    Raises:
        ImageError: If the server does not allow it, the address is not one of the public
            internet, or nothing of a bearable size comes in time.
    """
    if not allowed():
        raise _problem("This server gets no images from addresses.", address)
    end = time.monotonic() + SECONDS
    for _ in range(REDIRECTS + 1):
        try:
            with _answer(address, end) as answer:
                target = answer.getheader("Location") if answer.status in MOVED else None
                if not target:
                    return _content(answer, address, end)
                address = urljoin(address, target)
        except (OSError, ValueError, http.client.HTTPException) as error:
            late = time.monotonic() >= end
            reason = f"not in {SECONDS:.0f} seconds" if late else type(error).__name__
            raise _problem("The address does not answer.", address, reason) from error
    raise _problem("The address leads on and on to others.", address)


@contextmanager
def _answer(address: str, end: float) -> Iterator[http.client.HTTPResponse]:
    """Ask a checked address; at the end of the time the connection is cut, whatever it does."""
    parts = urlsplit(address.strip())
    host = parts.hostname or ""
    if parts.scheme not in CONNECTIONS or not host or parts.username:
        raise _problem("This is no address of the kind https://...", address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    checked = _public_address(host, port, address)
    # A time-out by itself would start anew with every byte that trickles in.
    with socket.create_connection((checked, port), timeout=_left(end)) as line:
        secure = parts.scheme == "https"
        wire = _secured(line, host) if secure else line
        cut = threading.Timer(_left(end), _cut, (wire,))
        cut.daemon = True
        cut.start()
        try:
            if secure:
                wire.do_handshake()
            connection = CONNECTIONS[parts.scheme](host, port)
            connection.sock = wire
            connection.request("GET", _path(parts), headers=HEADERS)
            yield connection.getresponse()
        finally:
            cut.cancel()
            wire.close()


def _secured(line: socket.socket, host: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    return context.wrap_socket(line, server_hostname=host, do_handshake_on_connect=False)


def _cut(wire: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        wire.shutdown(socket.SHUT_RDWR)


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _public_address(host: str, port: int, address: str) -> str:
    """What a host's name resolves to, if that is in the public internet, all of it."""
    found = [info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not found or not all(map(is_public, found)):
        raise _problem("The address is not one of the public internet.", address)
    return found[0]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.is_multicast or (parsed.version == 6 and parsed in _TRANSLATED):
        return False
    return parsed.is_global


def _content(answer: http.client.HTTPResponse, address: str, end: float) -> bytes:
    if answer.status != 200:
        raise _problem("The address has no image.", address, f"the answer {answer.status}")
    content = bytearray()
    while block := answer.read(BLOCK):
        content += block
        if len(content) > MOST_BYTES:
            raise _problem("The file is too large.", address, f"over {MOST_BYTES >> 20} MB")
    _left(end)  # what was cut off looks like an end
    return bytes(content)


def _left(end: float) -> float:
    """Seconds that are left, more than none: no time-out at all would mean to wait for ever."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is up")
    return left


def _problem(problem: str, address: str, found: str = "") -> ImageError:
    shown = "".join(c for c in address if c.isprintable())[:200]
    return ImageError(
        problem,
        found=f"{shown}{f': {found}' if found else ''}",
        remedy="Save the image to your computer and drop it here instead.",
    )
