"""A small answer for whoever watches over the server, ready before it is asked for."""

import asyncio
import functools
import shutil
import time
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from pages.server.log import LOGGER
from transfer_core.system import __version__, get_home

EVERY_SECONDS = 5.0
LATE_SECONDS = 60.0
ENOUGH_BYTES = 2 * 1024**3  # free on the disk
_last: dict[str, object] = {}


async def keep_measuring() -> None:
    """Measure again and again, beside the requests, until it is cancelled."""
    while True:
        try:
            measured = await asyncio.to_thread(measure, get_home())
            _last.update(measured, at=time.monotonic())
        except Exception:  # then the answer says soon that something is wrong
            LOGGER.exception("the health of the server cannot be measured")
        await asyncio.sleep(EVERY_SECONDS)


def measure(home: Path) -> dict[str, object]:
    """Whether the disk has room, and how many runs wait."""
    from transfer_core.runs import RunState  # slow to import: in a thread, not at the start

    free = shutil.disk_usage(home).free
    waiting = _open_store(home).list_all(states=[RunState.queued])
    return {"disk_is_enough": free > ENOUGH_BYTES, "runs_waiting": len(waiting)}


@functools.cache
def _open_store(home: Path):
    from transfer_core.runs import RunStore

    return RunStore(home)


async def _tell(_request: Request) -> JSONResponse:
    age = time.monotonic() - _last["at"] if "at" in _last else None
    good = age is not None and age < LATE_SECONDS and _last["disk_is_enough"]
    told = {key: value for key, value in _last.items() if key != "at"}
    status = {"status": "ok" if good else "trouble", "version": __version__} | told
    return JSONResponse(status, 200 if good else 503, {"Cache-Control": "no-store"})


HEALTH_ROUTE = Route("/health", _tell)
