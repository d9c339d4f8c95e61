"""Work on all cores in the order given, with progress, that can be stopped within a second."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

from transfer_core.errors import TransferError

Progress = Callable[[int, int], None]  # done, in all
StopRequested = Callable[[], bool]

Item = TypeVar("Item")
Result = TypeVar("Result")

PATIENCE = 0.2  # seconds between two looks at the stop request
AHEAD = 4  # tasks per core that may be under way, which bounds the memory
BATCH_BYTES = 256 * 1024  # of image files in one task
BATCH_IMAGES = 32  # in one task


class WorkStopped(TransferError):
    """The person ended the work before it was done; nothing of it is kept."""

    def __init__(self) -> None:
        super().__init__(
            "The work was stopped.", found="a request to stop", remedy="Start it again."
        )


def in_order(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    stop: StopRequested | None = None,
) -> Iterator[Result]:
    """Apply a function to items on threads and yield the results in the order of the items.

    Threads suffice because Pillow decodes outside the interpreter lock.

    Args:
        function: Called from several threads at once; what it raises is raised here.
        items: Taken as they are needed.
        stop: Asked at least five times a second.

    Raises:
        WorkStopped: If `stop` said so. What is under way is left to end by itself.
    """
    cores = os.cpu_count() or 1
    pool = ThreadPoolExecutor(cores, thread_name_prefix="decode")
    waiting: deque[Future] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= AHEAD * cores:
                yield _first(waiting, stop)
        while waiting:
            yield _first(waiting, stop)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def batches(items: Iterable[Item], size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Group items in their order, so that a task is worth starting and yet soon over.

    Args:
        items: For example images.
        size: Gives the bytes of an item.
    """
    batch: list[Item] = []
    total = 0
    for item in items:
        batch.append(item)
        total += size(item)
        if total >= BATCH_BYTES or len(batch) == BATCH_IMAGES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def _first(waiting: deque[Future], stop: StopRequested | None):
    future = waiting.popleft()
    while True:
        if stop and stop():
            raise WorkStopped
        try:
            return future.result(timeout=PATIENCE)
        except NotYet:
            if future.done():  # the function itself raised a TimeoutError
                raise
