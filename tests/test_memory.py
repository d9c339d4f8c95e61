"""Memory: freed blocks stay with the process, which has a limit and says when it is reached."""

import errno
import os
import subprocess
import sys
import textwrap

import pytest

from transfer_core.errors import SettingsError
from transfer_core.system import is_out_of_memory
from transfer_core.system.memory import read_memory_share

FAULTS_SCRIPT = """
import resource, sys
import numpy as np
from transfer_core.system.memory import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(12_000_000)  # more than glibc keeps by itself
before = faults()
for _ in range(40):
    np.ones(12_000_000)
print(faults() - before)
"""


def count_page_faults(way: str) -> int:
    command = [sys.executable, "-c", FAULTS_SCRIPT, way]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip("this C library keeps memory as it likes")
    return int(done.stdout)


def test_freed_blocks_are_used_again_without_asking_the_system():
    assert count_page_faults("kept") < 0.1 * count_page_faults("default")


def test_memory_beyond_a_process_s_share_is_refused_to_it_alone():
    script = """
        import numpy as np
        from transfer_core.system import is_out_of_memory, limit_memory
        limit_memory()
        try:
            np.ones(400_000_000, np.uint8)
        except Exception as error:
            assert is_out_of_memory(error)
        else:
            raise AssertionError("there was no limit")
    """
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    share = 400_000_000 / size  # numpy and what it needs take some
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        check=True,
        env=os.environ | {"TRANSFER_MEMORY_SHARE": str(share), "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize("share", ["0", "-1", "1.5", "much", "nan", "inf"])
def test_a_share_that_is_none_is_refused(share, monkeypatch):
    monkeypatch.setenv("TRANSFER_MEMORY_SHARE", share)
    with pytest.raises(SettingsError, match="no share of the memory"):
        read_memory_share()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a primitive"),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : bad allocation"),
        RuntimeError("can't start new thread"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_every_way_to_say_that_memory_is_short_is_understood(error):
    assert is_out_of_memory(error)
    assert not is_out_of_memory(OSError(errno.ENOSPC, "No space left on device"))
