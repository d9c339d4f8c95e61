"""How torch's threads wait for each other: asleep, so that they take no time from other work."""

import os

WAIT_VARIABLE = "OMP_WAIT_POLICY"  # read by OpenMP when torch is first imported


def let_threads_sleep() -> None:
    """Let the threads that compute sleep while they wait, unless the environment says otherwise.

    By default they spin. Alone on the machine that saves them a little; beside another process
    that computes they take each other's cores, and a training step took a hundred times as long
    (benchmarks/training_step.py). It must be called before torch is first imported.
    """
    os.environ.setdefault(WAIT_VARIABLE, "PASSIVE")
