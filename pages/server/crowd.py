"""So many pages are open at a time: beyond that, a plain answer says that the server is full."""

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from pages.server.log import report
from transfer_core.system import read_limit

LIMIT_VARIABLE = "TRANSFER_SESSIONS"
USUAL_LIMIT = 200
FULL = "This server is full: too many people are here. Please try again in a few minutes."
RETRY_SECONDS = "120"
TRY_AGAIN_LATER = 1013  # of the closing of a websocket
COOKIES = "transfer_lab_"  # how those begin that tell browsers apart


class Crowd:
    """A layer of the server. Nobody who is in is put out, and each may load the page anew."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limit = read_limit(LIMIT_VARIABLE, USUAL_LIMIT)
        self._open: dict[object, str] = {}  # the browser of each open page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a page as long as it is open; refuse further ones."""
        if scope["type"] == "websocket":
            return await self._hold(scope, receive, send)
        if scope["type"] == "http" and self._is_full() and self._is_new_page(scope):
            report("full", open=len(self._open))
            headers = {"retry-after": RETRY_SECONDS}
            return await PlainTextResponse(FULL, 503, headers)(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_full():
            return await WebSocketClose(TRY_AGAIN_LATER, FULL)(scope, receive, send)
        page = object()
        self._open[page] = _find_browser(scope)
        try:
            await self._app(scope, receive, send)
        finally:
            del self._open[page]

    def _is_full(self) -> bool:
        return len(self._open) >= self._limit

    def _is_new_page(self, scope: Scope) -> bool:
        if "text/html" not in HTTPConnection(scope).headers.get("accept", ""):
            return False
        browser = _find_browser(scope)
        return not browser or browser not in self._open.values()


def _find_browser(scope: Scope) -> str:
    """What tells a browser from others; empty for one without cookies."""
    cookies = HTTPConnection(scope).cookies
    return next((value for name, value in cookies.items() if name.startswith(COOKIES)), "")
