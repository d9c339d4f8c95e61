"""What the server does for classes and workspaces: print a password, delete in time."""

import asyncio
import logging
import time

from pages.shared import caches
from transfer_core.system import get_home
from transfer_core.workspaces import (
    is_password_given,
    make_password,
    remove_unused_workspaces,
    sweep_classes,
)

SWEEP_SECONDS = 3600.0

_LOG = logging.getLogger(__name__)


def announce_password() -> None:
    """Print the password that opens a class, unless the environment has one."""
    if not is_password_given():
        print(f"  Teacher's password, for the page Class: {make_password()}\n", flush=True)


async def keep_sweeping() -> None:
    """Delete the classes whose time is over and workspaces without use, at once and every hour."""
    while True:
        try:
            await asyncio.to_thread(_sweep, time.time())
        except Exception:  # the next time may go better
            _LOG.exception("the classes and workspaces cannot be looked through")
        await asyncio.sleep(SWEEP_SECONDS)


def _sweep(now: float) -> None:
    sweep_classes(get_home(), caches.get_engine, now)
    remove_unused_workspaces(get_home(), now)
