"""Keep freed memory for the next batch: asking the system for it anew costs a tenth of a step."""

import ctypes
import sys
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # of mallopt, in glibc's malloc.h
MAX_FREED_BYTES = 1 << 30  # bytes that may stay with the process though they are free


@cache
def keep_freed_memory() -> bool:
    """Let glibc keep what is freed, up to a gigabyte, for all threads; returns whether it does.

    A training step frees and asks for the same large blocks again and again. By default they go
    back to the system in between, which then clears every page of them anew.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is None:
        return False
    settings = (
        (ARENA_MAX, 1),
        (MMAP_THRESHOLD, MAX_FREED_BYTES),
        (TRIM_THRESHOLD, MAX_FREED_BYTES),
    )
    return all(mallopt(name, value) for name, value in settings)
