"""Whether a run trains in this process: times that are measured beside it would be wrong.

Other processes are not seen. A run of `transfer-lab train` beside the server slows down what the
server measures, and the forecast is then too long.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_running = 0  # runs that train now
_started = 0  # runs that have ever begun to


@contextmanager
def mark_training() -> Iterator[None]:
    """Mark this process as training until the block ends. Runs may overlap."""
    global _running, _started
    with _lock:
        _running += 1
        _started += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1


def watch_for_training() -> Callable[[], bool]:
    """Return a function that says whether a run of this process has trained since this call.

    A run that trains during the call counts.
    """
    with _lock:
        started = _started - _running

    def has_trained() -> bool:
        return _started > started

    return has_trained
