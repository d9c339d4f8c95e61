"""Work that takes a processor for long lets others have it first: threads and processes."""

import os

WAIT_VARIABLE = "OMP_WAIT_POLICY"  # read by OpenMP when torch is first imported
NICENESS = 5  # of a process that computes for long; it has a third of the weight of others


def let_threads_sleep() -> None:
    """Let the threads that compute sleep while they wait, unless the environment says otherwise.

    By default they spin. Alone on the machine that saves them a little; beside another process
    that computes they take each other's cores, and a training step took a hundred times as long
    (benchmarks/training_step.py). It must be called before torch is first imported.
    """
    os.environ.setdefault(WAIT_VARIABLE, "PASSIVE")


def give_way() -> None:
    """Let other processes have the processor first, such as the server that answers browsers.

    It costs nothing while they want none. Windows knows no niceness, and nothing changes there.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
