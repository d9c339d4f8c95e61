"""How memory is given back and searched for garbage: both cost more than they need to."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

# Parameters of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
MAX_FREED_BYTES = 1 << 30  # bytes that may stay with the process though they are free
MAX_ARENAS = 1  # heaps; only the main one keeps blocks of more than 64 MB


@cache
def keep_freed_memory(arenas: int | None = MAX_ARENAS) -> bool:
    """Let glibc keep up to a gigabyte of freed memory, for all threads.

    A training step frees and requests the same large blocks again and again. By default they
    go back to the system in between, which then clears every page of them again.

    All threads share one heap, which saves more than it costs. Measured with 30 threads that
    decode images beside a training, on two cores with other work (benchmarks/memory_arenas.py,
    medians of 5 paired rounds, load 15). With one heap, two heaps, glibc's own number, and glibc
    unchanged, a step takes 0.28, 0.51, 0.54 and 0.71 s of processor time (3.4, 8.2, 4.6 and 5.5 s
    by the clock); the threads decode 155, 160, 171 and 169 images a second; the process takes
    1.36, 1.30, 1.40 and 1.12 GB at most.

    Args:
        arenas: Number of heaps that threads share; None leaves it to glibc (8 for each core).

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


@contextmanager
def pause_collection() -> Iterator[None]:
    """Put off looking for garbage while very many small objects are made that all stay.

    The search grows with what there is, and takes nearly half of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:  # of several threads at once, the first to begin turns it on again
            gc.enable()
