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


class Health:
    """What was measured last."""

    def __init__(self) -> None:
        self._measured: dict[str, object] = {}
        self._at = float("-inf")

    async def keep_measuring(self) -> None:
        """Measure again and again, beside the requests, until it is cancelled."""
        while True:
            try:
                self._measured = await asyncio.to_thread(measure, get_home())
                self._at = time.monotonic()
            except Exception:  # then the answer says soon that something is wrong
                LOGGER.exception("the health of the server cannot be measured")
            await asyncio.sleep(EVERY_SECONDS)

    async def tell(self, _request: Request) -> JSONResponse:
        """Answer a request from memory."""
        is_late = time.monotonic() - self._at > LATE_SECONDS
        is_good = not is_late and self._measured["disk_is_enough"]
        status = {"status": "ok" if is_good else "trouble", "version": __version__}
        headers = {"Cache-Control": "no-store"}
        return JSONResponse(status | self._measured, 200 if is_good else 503, headers)


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


HEALTH = Health()
HEALTH_ROUTE = Route("/health", HEALTH.tell)
