"""Trainings of this process take turns; times that are measured beside one would be wrong.

Other processes are not seen. A run of `transfer-lab train` beside the server slows down what the
server measures, and the forecast is then too long.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

POLL_SECONDS = 0.2  # between two questions whether to stop waiting

_lock = threading.Lock()
_running = 0  # runs that train now
_started = 0  # runs that have ever begun to
_turns: "deque[TrainingTurn]" = deque()  # in the order of their coming; the first has its turn
_turn_ended = threading.Condition()


class TrainingTurn:
    """A place in the line of this process's trainings, first come, first served.

    Entering takes the last place and does not wait; leaving makes way for the next. A run holds its
    turn to its end, an experiment of many short trainings takes a new turn for each.
    """

    def __enter__(self) -> "TrainingTurn":
        with _turn_ended:
            _turns.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        with _turn_ended:
            _turns.remove(self)
            _turn_ended.notify_all()

    @property
    def is_waiting(self) -> bool:
        """Whether an earlier training is left; no after the turn."""
        with _turn_ended:
            return self in _turns and _turns[0] is not self

    def wait(self, stop_requested: Callable[[], bool]) -> None:
        """Wait for the turn.

        Args:
            stop_requested: Asked several times a second; ends the waiting. It may raise too.
        """
        while self.is_waiting and not stop_requested():
            with _turn_ended:
                _turn_ended.wait(POLL_SECONDS)


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
