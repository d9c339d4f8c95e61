"""Fetch an image from a web address, within limits and from public hosts only.

A server that fetches any address that a visitor names can be made to ask the machines behind
it (server-side request forgery). So this is off by default; every address, also after a
redirect, is resolved and checked before anything is sent; and the connection goes to exactly
the address that was checked.
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
from queue import Empty, Queue
from urllib.parse import SplitResult, urljoin, urlsplit

from transfer_core.errors import ImageError

SETTING = "TRANSFER_ALLOW_ADDRESSES"  # environment variable; "1" allows fetching
MAX_BYTES = 20 * 1024**2
TIMEOUT_SECONDS = 15.0  # for everything, including redirects
MAX_REDIRECTS = 3
BLOCK_BYTES = 64 * 1024  # bytes read at a time
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
HEADERS = {"User-Agent": "transfer-lab", "Accept": "image/*", "Connection": "close"}
CONNECTION_CLASSES = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
# Public IPv6 addresses begin so. Left out are thereby those that stand for an IPv4 address, which
# may be private: mapped, compatible (::/96) and translated ones (64:ff9b::/96, 64:ff9b:1::/48).
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
# Python counts some of these as public, depending on its version.
_SPECIAL = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # the gateway from IPv6
        "2001::/23",  # protocol assignments, such as Teredo, which holds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "3fff::/20",  # documentation
    )
]


def is_allowed() -> bool:
    """Whether the operator of this server allows it to fetch images from addresses."""
    return os.environ.get(SETTING) == "1"


def fetch_image(url: str) -> bytes:
    """The file at an address. Decode it to see whether it is an image.

    Raises:
        ImageError: If fetching is not allowed, the address is not public, or no file of at most
            20 MB arrives within 15 seconds.
    """
    if not is_allowed():
        raise _make_fetch_error("This server gets no images from addresses.", url)
    end = time.monotonic() + TIMEOUT_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        try:
            with _open_response(url, end) as answer:
                target = (
                    answer.getheader("Location") if answer.status in REDIRECT_STATUSES else None
                )
                if not target:
                    return _read_body(answer, url, end)
                url = urljoin(url, target)
        except (OSError, ValueError, http.client.HTTPException) as error:
            late = time.monotonic() >= end
            reason = f"not in {TIMEOUT_SECONDS:.0f} seconds" if late else type(error).__name__
            raise _make_fetch_error("The address does not answer.", url, reason) from error
    raise _make_fetch_error("The address leads on and on to others.", url)


@contextmanager
def _open_response(url: str, deadline: float) -> Iterator[http.client.HTTPResponse]:
    """Send a request to a checked address; the connection is cut at the deadline."""
    parts = urlsplit(url.strip())
    host = parts.hostname or ""
    if parts.scheme not in CONNECTION_CLASSES or not host or parts.username:
        raise _make_fetch_error("This is no address of the kind https://...", url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    checked = _resolve_public_address(host, port, url, deadline)
    # A socket time-out alone would start again with every byte that trickles in.
    with socket.create_connection(
        (checked, port), timeout=_compute_remaining_seconds(deadline)
    ) as line:
        secure = parts.scheme == "https"
        wire = _wrap_tls(line, host) if secure else line
        cut = threading.Timer(_compute_remaining_seconds(deadline), _shut_down, (wire,))
        cut.daemon = True
        cut.start()
        try:
            if secure:
                wire.do_handshake()
            connection = CONNECTION_CLASSES[parts.scheme](host, port)
            connection.sock = wire
            connection.request("GET", _build_request_path(parts), headers=HEADERS)
            yield connection.getresponse()
        finally:
            cut.cancel()
            wire.close()


def _wrap_tls(line: socket.socket, host: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    return context.wrap_socket(line, server_hostname=host, do_handshake_on_connect=False)


def _shut_down(wire: socket.socket) -> None:
    with suppress(OSError):  # closed already
        wire.shutdown(socket.SHUT_RDWR)


def _build_request_path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _resolve_public_address(host: str, port: int, url: str, deadline: float) -> str:
    """Resolve a host name to an address; all of its addresses must be public."""
    resolved = _resolve_in_time(host, port, _compute_remaining_seconds(deadline))
    if not resolved or not all(map(is_public, resolved)):
        raise _make_fetch_error("The address is not one of the public internet.", url)
    return resolved[0]


def _resolve_in_time(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a host; the operating system itself may take minutes to find none."""
    answer: Queue[list[str] | OSError | ValueError] = Queue()

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.put([info[4][0] for info in found])
        except (OSError, ValueError) as error:  # ValueError: no name at all
            answer.put(error)

    threading.Thread(target=resolve, daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except Empty:
        raise TimeoutError("the name is not resolved in time") from None
    if isinstance(found, Exception):
        raise found
    return found


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.version == 6 and parsed not in _PUBLIC_IPV6:
        return False
    if parsed.is_multicast or any(parsed in network for network in _SPECIAL):
        return False
    return parsed.is_global


def _read_body(response: http.client.HTTPResponse, url: str, deadline: float) -> bytes:
    if response.status != 200:
        raise _make_fetch_error("The address has no image.", url, f"the answer {response.status}")
    content = bytearray()
    while block := response.read(BLOCK_BYTES):
        content += block
        if len(content) > MAX_BYTES:
            raise _make_fetch_error("The file is too large.", url, f"over {MAX_BYTES >> 20} MB")
    _compute_remaining_seconds(deadline)  # a connection that was cut looks like an end
    return bytes(content)


def _compute_remaining_seconds(deadline: float) -> float:
    """Seconds until the deadline, more than 0: a time-out of 0 would mean not to wait at all.

    Raises:
        TimeoutError: If the deadline has passed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is up")
    return left


def _make_fetch_error(problem: str, url: str, found: str = "") -> ImageError:
    shown = "".join(c for c in url if c.isprintable())[:200]
    return ImageError(
        problem,
        found=f"{shown}{f': {found}' if found else ''}",
        remedy="Save the image to your computer and drop it here instead.",
    )
