"""The cookie that a browser finds its workspace by; the first request for a page sets it.

The secret lies in the cookie alone, where no script of a page can read it. A link with the secret
opens the workspace in another browser: it is taken once, and vanishes from the address.
"""

import hmac
import secrets
from urllib.parse import urlencode

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transfer_core.errors import WorkspaceError
from transfer_core.system import get_home
from transfer_core.workspaces import (
    Belongings,
    Workspace,
    WorkspaceStore,
    adopt_strays,
    open_workspaces,
)

LINK_NAME = "workspace"  # part of an address that opens a workspace
PROOF_NAME = "instead"  # part of it that shows that the browser's own workspace agrees to go
LINK_PARTS = (LINK_NAME, PROOF_NAME)
MAX_AGE_SECONDS = 400 * 24 * 3600  # the longest that browsers allow; each page begins it anew
NO_PAGES = ("/_stcore", "/static", "/media", "/component", "/downloads")


def name_cookie(workspaces: WorkspaceStore) -> str:
    """The cookie's name; servers with different data folders under one host do not share it."""
    return f"transfer_lab_{workspaces.this_computer.id[:8]}"


def make_proof(own_secret: str, other_secret: str) -> str:
    """What only a browser with the first secret can say of the second one."""
    return hmac.digest(own_secret.encode(), other_secret.encode(), "sha256").hex()


def find_workspace_of(asked: Request) -> Workspace | None:
    """The workspace of a request outside of the pages, such as a download."""
    workspaces = open_workspaces(get_home())
    return workspaces.find(asked.cookies.get(name_cookie(workspaces)))


class WorkspaceCookie:
    """Gives a cookie to a browser that asks for a page without one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and set the cookie with the answer to one for a page."""
        if not is_page_request(scope):
            return await self._app(scope, receive, send)
        try:
            answer = self._prepare(scope, send)
        except WorkspaceError:  # the page says what is wrong
            answer = send
        if isinstance(answer, Response):
            return await answer(scope, receive, send)
        return await self._app(scope, receive, answer)

    def _prepare(self, scope: Scope, send: Send) -> Send | Response:
        """What sends the page with its cookie, or an answer in place of the page.

        Raises:
            WorkspaceError: If the workspaces cannot be read or written.
        """
        asked, workspaces = Request(scope), open_workspaces(get_home())
        name = name_cookie(workspaces)
        own = asked.cookies.get(name)
        own = own if workspaces.find(own) else None
        wanted = asked.query_params.get(LINK_NAME)
        if wanted is not None and not _must_ask(asked, workspaces, own):
            wanted = _follow(wanted, workspaces)
            rest = [(k, v) for k, v in asked.query_params.multi_items() if k not in LINK_PARTS]
            path = "/" + asked.url.path.lstrip("/\\")  # never another server's
            answer = RedirectResponse(path + (f"?{urlencode(rest)}" if rest else ""), 303)
            answer.headers["referrer-policy"] = "no-referrer"
            _USED_ONCE.discard(asked.query_params[LINK_NAME])
            if workspaces.find(wanted):
                set_cookie(answer.headers, asked, name, wanted)
            return answer
        secret = own or workspaces.create()

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                set_cookie(MutableHeaders(scope=message), asked, name, secret)
            await send(message)

        return send_with_cookie


def _must_ask(asked: Request, workspaces: WorkspaceStore, own: str | None) -> bool:
    """Whether a link would take a workspace that is in use from its browser, unasked."""
    wanted = asked.query_params[LINK_NAME]
    secret = _follow(wanted, workspaces)
    if own in (None, secret) or workspaces.find(secret) is None:
        return False
    proof = asked.query_params.get(PROOF_NAME, "")
    if hmac.compare_digest(proof.encode(), make_proof(own, wanted).encode()):
        return False
    return not Belongings(get_home(), workspaces.find(own)).is_empty()


def _follow(wanted: str, workspaces: WorkspaceStore) -> str:
    """The secret that a link leads to."""
    return workspaces.read_own_secret() if wanted in _USED_ONCE else wanted


def is_page_request(scope: Scope) -> bool:
    """Whether a browser asks for a page to show."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    base = st.get_option("server.baseUrlPath").strip("/")
    path = scope["path"].removeprefix(f"/{base}" if base else "")
    return "text/html" in Request(scope).headers.get("accept", "") and not path.startswith(NO_PAGES)


def set_cookie(headers: MutableHeaders, asked: Request, name: str, secret: str) -> None:
    """Add the cookie to the headers of an answer."""
    is_safe = "https" in (asked.url.scheme, asked.headers.get("x-forwarded-proto"))
    secure = "; Secure" if is_safe else ""
    headers.append(
        "set-cookie",
        f"{name}={secret}; Path=/; Max-Age={MAX_AGE_SECONDS}; HttpOnly; SameSite=Lax{secure}",
    )
    headers["cache-control"] = "no-store"  # the page with somebody's cookie


def announce_this_computer(url: str) -> None:
    """Print the link to what was made on this computer itself, for whoever started the server."""
    try:
        workspaces = open_workspaces(get_home())
        adopt_strays(get_home())
    except WorkspaceError as error:  # every page says so too
        print(f"  {error}", flush=True)
        return
    link = f"{url}/?{LINK_NAME}={workspaces.read_own_secret()}"
    print(f"  What was made on this computer: {link}\n", flush=True)


def make_link_for_once(url: str) -> str:
    """A link to what was made on this computer itself, that opens it once.

    A browser is given it as an argument, which all users of the computer can read.
    """
    _USED_ONCE.add(word := secrets.token_urlsafe(16))
    return f"{url}/?{LINK_NAME}={word}"


_USED_ONCE: set[str] = set()
COOKIE = Middleware(WorkspaceCookie)
