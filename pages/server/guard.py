"""Refuse requests under a strange name, from another site's pages, or for a closed address."""

from urllib.parse import urlsplit

import streamlit as st
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from pages.server.hosts import is_answered_to
from pages.server.log import log_request

CLOSED = (  # addresses of Streamlit that this app does not use
    "_stcore/metrics",
    "_stcore/script-health-check",
    "_stcore/agent",
    "auth/",
    "oauth2callback",
)
HEADERS = (  # of every answer: no guessing of kinds, no frames and no addresses for other sites
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
)
SAFE_METHODS = ("GET", "HEAD")
WRONG_NAME = (
    "This server does not answer to this name. Its administrator can list the name in "
    "STREAMLIT_SERVER_ALLOWED_HOSTS (server.allowedHosts)."
)


class Guard:
    """The outermost layer of the server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with a status and a sentence."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        connection, send = HTTPConnection(scope), add_headers(send)
        refusal = find_refusal(connection)
        if refusal is None:
            send = log_request(connection, send)
            return await self._app(_name_own_origin(scope), receive, send)
        status, reason = refusal
        send = log_request(connection, send, reason)
        if scope["type"] == "websocket":
            return await WebSocketClose(1008, reason)(scope, receive, send)
        return await PlainTextResponse(reason, status)(scope, receive, send)


def add_headers(send: Send) -> Send:
    """The same `send`, which adds the headers of every answer."""

    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            more = [header for header in HEADERS if header[0] not in given]
            message = message | {"headers": [*message["headers"], *more]}
        await send(message)

    return send_more


def find_refusal(connection: HTTPConnection) -> tuple[int, str] | None:
    """Status and reason if a request must be refused."""
    host = connection.headers.get("host", "")
    if not is_answered_to(host):
        return 403, WRONG_NAME
    if not _is_origin_own(connection, host):
        return 403, "This request comes from another site."
    base = st.get_option("server.baseUrlPath").strip("/")
    path = connection.scope["path"].strip("/").removeprefix(base).lstrip("/").lower()
    if path.startswith(CLOSED):
        return 404, "There is nothing here."
    return None


def _name_own_origin(scope: Scope) -> Scope:
    """The same websocket, whose origin was found good, under the origin that it is asked at.

    For another one Streamlit would ask the internet whether it is this server's address.
    """
    if scope["type"] != "websocket":
        return scope
    host = next(value for name, value in scope["headers"] if name == b"host")
    others = [header for header in scope["headers"] if header[0] != b"origin"]
    return scope | {"headers": [*others, (b"origin", b"http://" + host)]}


def _is_origin_own(connection: HTTPConnection, host: str) -> bool:
    """Whether a page of this server sends the request; it need not say so to read only.

    Browsers name the origin with every websocket and with all that is no mere reading.
    """
    origin = connection.headers.get("origin")
    if origin is None:
        return connection.scope.get("method") in SAFE_METHODS
    if origin in st.get_option("server.corsAllowedOrigins"):
        return True
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False
