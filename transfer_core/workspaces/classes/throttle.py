"""Slow down whoever tries codes or passwords until one fits."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from transfer_core.errors import WorkspaceError
from transfer_core.languages import _

FREE_FAILURES = 5  # wrong tries without a delay
MAX_DELAY = 300.0  # seconds
FORGET_SECONDS = 3600.0  # after the last wrong try
MINUTE = 60.0  # seconds
# A workspace costs nothing, so many could try in turn: from one network address, or from many.
FAILURES_PER_ADDRESS = 60  # in a minute; more than a class behind one address has
FAILURES_OF_ALL = 600  # in a minute

T = TypeVar("T")


class Throttle:
    """Counts wrong tries of each workspace, of each network address and of all.

    Right tries do not undo wrong ones. Addresses are forgotten after a minute.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._failures: dict[str, tuple[int, float]] = {}  # how many, and when the last
        self._of_address: dict[str | None, deque[float]] = {}
        self._of_all: deque[float] = deque(maxlen=FAILURES_OF_ALL)

    def attempt(
        self, who: str, check: Callable[[], T | None], address: str | None = None
    ) -> T | None:
        """Return what a check finds; a None is a wrong try.

        Args:
            who: The workspace's id.
            check: Tries.
            address: From which it is tried, as far as it is known.

        Raises:
            WorkspaceError: If it is too early for another try; nothing is checked then.
        """
        with self._lock:
            now = self._clock()
            if (delay := self._find_delay(who, address, now)) > 0:
                raise WorkspaceError(
                    _("Too many wrong tries."),
                    found=_("the next one is possible in {seconds:.0f} s", seconds=delay + 0.5),
                    remedy=_("Wait, then try again."),
                )
            found = check()
            if found is None:
                self._note_failure(who, address, now)
        return found

    def _find_delay(self, who: str, address: str | None, now: float) -> float:
        count, last = self._failures.get(who, (0, now))
        delay = last + min(2.0 ** (count - FREE_FAILURES + 1), MAX_DELAY) - now
        own = delay if count >= FREE_FAILURES else 0.0
        counted = self._of_all, self._of_address.get(address, deque())
        full = (times for times in counted if len(times) == times.maxlen)
        return max(own, *(times[0] + MINUTE - now for times in full), 0.0)

    def _note_failure(self, who: str, address: str | None, now: float) -> None:
        known = self._failures.items()
        self._failures = {k: each for k, each in known if now - each[1] < FORGET_SECONDS}
        self._failures[who] = self._failures.get(who, (0, now))[0] + 1, now
        recent = self._of_address.items()
        self._of_address = {k: times for k, times in recent if now - times[-1] < MINUTE}
        self._of_address.setdefault(address, deque(maxlen=FAILURES_PER_ADDRESS)).append(now)
        self._of_all.append(now)
