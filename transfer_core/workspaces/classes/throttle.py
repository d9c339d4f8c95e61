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
FAILURES_PER_MINUTE = 60  # of all together: a workspace costs nothing, so many could try in turn

T = TypeVar("T")


class Throttle:
    """Counts wrong tries of each workspace and of all; right ones do not undo wrong ones.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._failures: dict[str, tuple[int, float]] = {}  # how many, and when the last
        self._recent: deque[float] = deque(maxlen=FAILURES_PER_MINUTE)

    def attempt(self, who: str, check: Callable[[], T | None]) -> T | None:
        """Return what a check finds; a None is a wrong try.

        Raises:
            WorkspaceError: If it is too early for another try; nothing is checked then.
        """
        with self._lock:
            now = self._clock()
            if (delay := self._find_delay(who, now)) > 0:
                raise WorkspaceError(
                    _("Too many wrong tries."),
                    found=_("the next one is possible in {seconds:.0f} s", seconds=delay + 0.5),
                    remedy=_("Wait, then try again."),
                )
            found = check()
            if found is None:
                self._note_failure(who, now)
        return found

    def _find_delay(self, who: str, now: float) -> float:
        count, last = self._failures.get(who, (0, now))
        delay = last + min(2.0 ** (count - FREE_FAILURES + 1), MAX_DELAY) - now
        own = delay if count >= FREE_FAILURES else 0.0
        is_full = len(self._recent) == FAILURES_PER_MINUTE
        return max(own, self._recent[0] + 60 - now if is_full else 0.0)

    def _note_failure(self, who: str, now: float) -> None:
        known = self._failures.items()
        self._failures = {k: each for k, each in known if now - each[1] < FORGET_SECONDS}
        self._failures[who] = self._failures.get(who, (0, now))[0] + 1, now
        self._recent.append(now)
