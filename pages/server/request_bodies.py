"""Bounds of what a request may bring: silence, and files for Streamlit's own uploader.

Streamlit holds those in memory until their session has ended, and takes any number of them.
"""

import asyncio
from collections import Counter

import streamlit as st
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime

from pages.server.uploads import MEGABYTE

SILENCE_SECONDS = 60.0
SESSION_BYTES = 200 * MEGABYTE  # of one session's files in memory
ALL_BYTES = 1024 * MEGABYTE  # of all sessions' files in memory
SMALL_UPLOADS = "/_stcore/upload_file/"


class BodyLimits:
    """A layer of the server that ends silent uploads and refuses too many."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._arriving: Counter[str] = Counter()  # bytes by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if there is room for its body."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            return await self._app(scope, receive, send)
        receive = end_silence(receive)
        __, found, rest = scope["path"].partition(SMALL_UPLOADS)
        if not found or scope["method"] != "PUT":
            return await self._app(scope, receive, send)
        session = rest.partition("/")[0]
        length = HTTPConnection(scope).headers.get("content-length", "")
        if not length.isdecimal():
            return await PlainTextResponse("Say how long the file is.", 411)(scope, receive, send)
        if not self._has_room(session, int(length)):
            return await PlainTextResponse("Too many files.", 413)(scope, receive, send)
        self._arriving[session] += int(length)
        try:
            await self._app(scope, receive, send)
        finally:
            self._arriving[session] -= int(length)
            self._arriving += Counter()  # forgets those with nothing

    def _has_room(self, session: str, length: int) -> bool:
        held = measure_held()
        of_session = held[session] + self._arriving[session] + length
        of_all = held.total() + self._arriving.total() + length
        largest = st.get_option("server.maxUploadSize") * MEGABYTE + MEGABYTE
        return length <= largest and of_session <= SESSION_BYTES and of_all <= ALL_BYTES


def end_silence(receive: Receive) -> Receive:
    """The same `receive`, which takes a long silence for the end of the connection.

    It holds until the body has come: an answer may take as long as it needs.
    """
    is_waiting = True

    async def receive_in_time() -> Message:
        nonlocal is_waiting
        if not is_waiting:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), SILENCE_SECONDS)
        except TimeoutError:
            return {"type": "http.disconnect"}
        is_waiting = message.get("more_body", False)
        return message

    return receive_in_time


def measure_held() -> Counter[str]:
    """Bytes of the files that Streamlit holds, by session."""
    if not runtime.exists():
        return Counter()
    held = dict(runtime.get_instance().uploaded_file_mgr.file_storage)
    return Counter({s: sum(len(file.data) for file in f.values()) for s, f in held.items()})


def free_small_files(sessions: set[str]) -> None:
    """Free the files of sessions that have ended, which Streamlit does at some later occasion."""
    for session in sessions:
        runtime.get_instance().uploaded_file_mgr.remove_session_files(session)
