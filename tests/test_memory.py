"""Freed memory stays with the process where the C library can be told so."""

import subprocess
import sys

import pytest

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
