"""Memory: kept for the next batch, limited for a process, searched for garbage, and run out of."""

import ctypes
import errno
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from transfer_core.errors import SettingsError
from transfer_core.languages import _

MEMORY_VARIABLE = "TRANSFER_MEMORY_SHARE"  # of the computer's memory, for a process that trains
MEMORY_SHARE = 0.7

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


def limit_memory() -> None:
    """Limit what this process may request to a share of the computer's memory.

    A request beyond it fails like any other lack of memory: a step then takes a smaller part of
    its batch, or the run fails, and the rest of the computer goes on. The limit is on private
    memory that can be written (RLIMIT_DATA). Address space (RLIMIT_AS) would count the files that
    torch maps and the terabytes that CUDA reserves. Systems without such a limit have none.

    Raises:
        SettingsError: If `TRANSFER_MEMORY_SHARE` is no share.
    """
    share = read_memory_share()
    with suppress(OSError):  # the system, short of memory, ends this process before others
        Path("/proc/self/oom_score_adj").write_text("500")
    with suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows

        limit = int(share * find_memory_size())
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))


def read_memory_share() -> float:
    """Return the share of the memory that a process may take, in (0, 1].

    Raises:
        SettingsError: If `TRANSFER_MEMORY_SHARE` is no such number.
    """
    setting = os.environ.get(MEMORY_VARIABLE) or str(MEMORY_SHARE)
    with suppress(ValueError):
        if 0 < (share := float(setting)) <= 1:
            return share
    raise SettingsError(
        _("{variable} is no share of the memory.", variable=MEMORY_VARIABLE),
        found=ascii(setting)[:60],
        remedy=_("Set it to a number above 0 and at most 1, such as 0.7, or unset it."),
    )


def find_memory_size() -> int:
    """Bytes of memory that this process can have: the computer's, or its container's."""
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    with suppress(OSError, ValueError):  # no container, or "max"
        sizes.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(sizes)


def count_memory_kills() -> int | None:
    """Return how many processes the system has ended for want of memory; None if it cannot say."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _space, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out; libraries say so in several ways."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    said = str(error).lower()
    if said == "could not create a primitive":  # oneDNN, in a convolution
        return True
    return any(all(word in said for word in words) for words in _OUT_OF_MEMORY_WORDS)


_OUT_OF_MEMORY_WORDS = (  # as torch, C++ with ONNX Runtime, and Python's threads say it
    ("allocate", "memory"),
    ("bad_alloc",),
    ("bad allocation",),
    ("can't start new thread",),
)
