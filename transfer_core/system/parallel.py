"""Work on all cores in order, with progress, that can be stopped within a second."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

from transfer_core.errors import TransferError
from transfer_core.languages import _

Progress = Callable[[str, int, int], None]  # what is being done, done, total
StopRequested = Callable[[], bool]

Item = TypeVar("Item")
Result = TypeVar("Result")

STOP_POLL_SECONDS = 0.2  # between two looks at the stop request
MAX_TASKS_PER_CORE = 4  # under way at a time, which bounds the memory
MAX_TASK_BYTES = 256 * 1024  # of image files in one task
MAX_TASK_IMAGES = 32  # in one task


class WorkStopped(TransferError):
    """The person stopped the work; no result of it stays."""

    def __init__(self) -> None:
        super().__init__(
            _("The work was stopped."), found=_("a request to stop"), remedy=_("Start it again.")
        )


def ignore_progress(what: str, done: int, total: int) -> None:
    """Report progress to nobody: the default of every `progress` argument."""


def rename_progress(progress: Progress, what: str) -> Progress:
    """Return a callback that reports the same numbers to `progress` under another text."""
    return lambda __, done, total: progress(what, done, total)


def map_in_order(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    stop_requested: StopRequested | None = None,
) -> Iterator[Result]:
    """Apply a function to items on threads, and yield the results in the order of the items.

    Threads suffice because Pillow decodes outside the interpreter lock.

    Args:
        function: Called from several threads at once; its exceptions are raised here.
        items: Consumed as they are needed.
        stop_requested: Called at least five times a second; True ends the work.

    Raises:
        WorkStopped: If `stop_requested` returned True. Calls under way end by themselves.
    """
    cores = os.cpu_count() or 1
    pool = ThreadPoolExecutor(cores, thread_name_prefix="decode")
    waiting: deque[Future] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= MAX_TASKS_PER_CORE * cores:
                yield _wait_for_first(waiting, stop_requested)
        while waiting:
            yield _wait_for_first(waiting, stop_requested)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def group_into_tasks(
    items: Iterable[Item],
    get_size: Callable[[Item], int],
    max_bytes: int | None = None,
    max_items: int | None = None,
) -> Iterator[list[Item]]:
    """Group items in their order into tasks that are worth a thread and yet short.

    Args:
        items: For example images.
        get_size: Returns the bytes of an item.
        max_bytes: That a task has together, before its last item; None is `MAX_TASK_BYTES`.
        max_items: Of a task; None is `MAX_TASK_IMAGES`.

    Yields:
        The tasks.
    """
    max_bytes, max_items = max_bytes or MAX_TASK_BYTES, max_items or MAX_TASK_IMAGES
    batch: list[Item] = []
    total = 0
    for item in items:
        batch.append(item)
        total += get_size(item)
        if total >= max_bytes or len(batch) == max_items:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def _wait_for_first(pending: deque[Future], stop_requested: StopRequested | None):
    future = pending.popleft()
    while True:
        if stop_requested and stop_requested():
            raise WorkStopped
        try:
            return future.result(timeout=STOP_POLL_SECONDS)
        except NotYet:
            if future.done():  # the function itself raised a TimeoutError
                raise
