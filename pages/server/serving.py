"""The server's own addresses and layers, and what runs beside its requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import streamlit as st
from starlette.middleware import Middleware
from streamlit import runtime

from pages.server.announce import announce
from pages.server.crowd import Crowd
from pages.server.guard import Guard
from pages.server.health import HEALTH, HEALTH_ROUTE
from pages.server.log import LOGGER, report, start_log, stop_log
from pages.server.request_bodies import BodyLimits, free_small_files, measure_held
from pages.server.upload_route import UPLOAD_ROUTE
from pages.server.uploads import close_uploads, get_uploads
from transfer_core.system import __version__, get_home

SWEEP_SECONDS = 30.0
ROUTES = [HEALTH_ROUTE, UPLOAD_ROUTE]
MIDDLEWARE = [Middleware(Guard), Middleware(Crowd), Middleware(BodyLimits)]


@asynccontextmanager
async def run_beside(_app: st.App) -> AsyncIterator[None]:
    """Keep the log, the health and the uploads in order as long as the server runs."""
    port = st.get_option("server.port")
    log = start_log(get_home() / "logs", port)
    report("server started", version=__version__, port=port)
    await asyncio.to_thread(get_uploads)
    announce()
    tasks = [asyncio.create_task(each()) for each in (HEALTH.keep_measuring, _keep_sweeping)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        close_uploads()
        report("server ended")
        stop_log(log)


async def _keep_sweeping() -> None:
    """Remove what ended sessions have left."""
    gone: set[str] = set()  # at the last look; one that was gone twice does not come back
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            known = get_uploads().list_sessions() | set(measure_held())
            gone, before = {each for each in known if not _is_active(each)}, gone
            free_small_files(gone & before)
            await asyncio.to_thread(get_uploads().sweep, gone & before)
        except Exception:  # the next time may go better
            LOGGER.exception("what was left cannot be removed")


def _is_active(session: str) -> bool:
    return runtime.get_instance().is_active_session(session)
