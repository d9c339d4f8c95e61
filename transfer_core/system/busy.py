"""Whether a run trains in this process: what is timed beside it would be wrong."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_running = 0  # runs that train now
_started = 0  # runs that have ever begun to


@contextmanager
def training() -> Iterator[None]:
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


def is_training() -> bool:
    """Whether any run trains in this process now."""
    return _running > 0


def watch_for_training() -> Callable[[], bool]:
    """Return a function that says whether any run has trained at any moment since this call."""
    with _lock:
        started = _started - _running  # a run that trains now counts

    def has_trained() -> bool:
        return _started > started

    return has_trained
