"""Keep freed memory for the next batch: asking the system for it anew costs a tenth of a step."""

import ctypes
import sys
from functools import cache

# Parameters of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
MAX_FREED_BYTES = 1 << 30  # bytes that may stay with the process though they are free
MAX_ARENAS = 1


@cache
def keep_freed_memory(arenas: int | None = MAX_ARENAS) -> bool:
    """Let glibc keep up to a gigabyte of freed memory, for all threads.

    A training step frees and requests the same large blocks again and again. By default they
    go back to the system in between, which then clears every page of them anew.

    Args:
        arenas: Separate heaps that threads share; None leaves it to glibc (8 for each core).

    Returns:
        Whether the C library accepted the settings; other libraries than glibc have none.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = {M_MMAP_THRESHOLD: MAX_FREED_BYTES, M_TRIM_THRESHOLD: MAX_FREED_BYTES}
    if arenas is not None:
        settings[M_ARENA_MAX] = arenas
    return all(mallopt(name, value) for name, value in settings.items())
