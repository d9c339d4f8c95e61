"""How often what is watched is drawn anew: the more browsers watch, the more slowly.

A watched page is drawn every second. All watched pages of the server together are drawn
`REDRAWS_PER_SECOND` times a second at most, however many browsers watch, so that they leave the
processor to the training. Thirty browsers are drawn every 2 s. What a redraw costs depends on the
computer; `python -m benchmarks.watching_browsers` measures it.
"""

import threading
import time
from collections.abc import Callable, Hashable
from math import ceil

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

REDRAWS_PER_SECOND = 15
LEAST_SECONDS = 1.0  # between two redraws of a page
STEP_SECONDS = 0.25  # between intervals, so that a timer is not set anew for every newcomer
PATIENCE_SECONDS = 2.0  # that a redraw may be late; a closed browser is counted no longer


class Watchers:
    """The timers of all browsers that watch something.

    Args:
        clock: Tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._until: dict[Hashable, float] = {}  # when each is given up

    def count_in(self, watcher: Hashable) -> float:
        """Count somebody who is drawn now; return the seconds until the next redraw."""
        with self._lock:
            now = self._clock()
            self._until = {each: end for each, end in self._until.items() if end > now}
            interval = find_interval(len(self._until.keys() | {watcher}))
            self._until[watcher] = now + interval + PATIENCE_SECONDS
            return interval


def find_interval(watchers: int) -> float:
    """Seconds between two redraws for each of so many watchers."""
    steps = ceil(watchers / REDRAWS_PER_SECOND / STEP_SECONDS)
    return max(LEAST_SECONDS, steps * STEP_SECONDS)


_WATCHERS = Watchers()


def draw_again() -> None:
    """Let the fragment that is being drawn be drawn again, as soon as the rule allows.

    Streamlit's `run_every` sets the same timer, but only from outside of the fragment, so that
    another interval would take a rerun of the whole page.
    """
    context, fragment = get_script_run_ctx(), ThreadState.get().fragment_id
    message = ForwardMsg()
    message.auto_rerun.fragment_id = fragment
    message.auto_rerun.interval = _WATCHERS.count_in((context.session_id, fragment))
    context.enqueue(message)
