"""The processes that compute one run together, each on a device of its own: its ranks.

The first one drives the run and tells the others, by texts in a store, what to do next. While they
train they exchange numbers: by NCCL between GPUs, by gloo between processors.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import sleep
from typing import TYPE_CHECKING, Any

from transfer_core.system.parallel import WorkStopped

if TYPE_CHECKING:  # run configurations are read without torch
    import torch
    from torch import nn

NEVER = timedelta(days=365)  # the first rank may prepare alone for as long as it likes
EXCHANGE_TIMEOUT = timedelta(minutes=10)  # a rank that does not answer so long is dead
POLL_SECONDS = 0.05
FIRST_PORT, PORTS = 20_000, 20_000  # of SLURM jobs, which name none


@dataclass(eq=False)
class Ranks:
    """Which of the processes of a run this one is, and its ways to the others."""

    number: int = 0  # of this process; the first, 0, drives the run
    count: int = 1
    store: Any = None  # torch.distributed's, with the messages; None if the process is alone
    is_local: bool = False  # whether all are on this machine, so that nothing leaves it
    _messages: int = field(default=0, init=False)

    @property
    def is_alone(self) -> bool:
        """Whether there is nobody to exchange numbers with."""
        return self.store is None

    def get_share(self, length: int) -> slice:
        """Return this process's part of a sequence; parts differ by one item at most."""
        size, larger = divmod(length, self.count)
        start = self.number * size + min(self.number, larger)
        return slice(start, start + size + (self.number < larger))

    def tell(self, **task: Any) -> None:
        """Tell the other ranks what to do next; the values are JSON."""
        if not self.is_alone:
            self._messages += 1
            self.store.set(f"task-{self._messages}", json.dumps(task))

    def receive(self) -> dict[str, Any]:
        """Wait for what the first rank tells next."""
        self._messages += 1
        key = f"task-{self._messages}"
        self.store.wait([key], NEVER)
        return json.loads(self.store.get(key))

    def report_done(self) -> None:
        """Tell the first rank that the last task is done."""
        self.store.set(f"done-{self._messages}-{self.number}", "")

    def wait_until_done(self, stop_requested: Callable[[], bool] | None) -> None:
        """Wait until the other ranks have reported the last task as done.

        Raises:
            WorkStopped: If `stop_requested` said so.
        """
        keys = [f"done-{self._messages}-{number}" for number in range(1, self.count)]
        while not self.store.check(keys):
            if stop_requested and stop_requested():
                raise WorkStopped
            sleep(POLL_SECONDS)

    @contextmanager
    def connect(self, device: str) -> Iterator[None]:
        """Let tensors be exchanged within the block, which every rank enters."""
        if self.is_alone:
            yield
            return
        from torch import distributed

        if self.is_local and sys.platform == "linux":
            for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
                os.environ.setdefault(variable, "lo")  # no port is open to the network
        distributed.init_process_group(
            "nccl" if device == "cuda" else "gloo",
            store=distributed.PrefixStore(f"group-{self._messages}", self.store),
            rank=self.number,
            world_size=self.count,
            timeout=EXCHANGE_TIMEOUT,
        )
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors, all of one type, by their sums over the ranks, in one exchange."""
        if self.is_alone:
            return
        import torch

        flat = torch.cat([each.reshape(-1) for each in tensors])
        torch.distributed.all_reduce(flat)
        parts = flat.split([each.numel() for each in tensors])
        for each, part in zip(tensors, parts, strict=True):
            each.copy_(part.view(each.shape))

    def align(self, model: nn.Module) -> None:
        """Give the model of every rank the weights and statistics of the first one's."""
        if self.is_alone:
            return
        from torch import distributed

        for value in model.state_dict().values():
            sent = value.contiguous()
            distributed.broadcast(sent, 0)
            value.copy_(sent)

    def require_same_step(self, step: int) -> None:
        """Refuse to go on if ranks have resumed after different steps, as of a stale checkpoint."""
        if self.is_alone:
            return
        name = f"step-{self._messages}"
        if self.number == 0:
            self.store.set(name, str(step))
        if (first := int(self.store.get(name))) != step:
            raise RuntimeError(f"rank {self.number} is at step {step}, the first at {first}")


ALONE = Ranks()


def join_launched_ranks(environment: Mapping[str, str] = os.environ) -> Ranks | None:
    """Return the ranks among which a launcher started this process; None if none did.

    torchrun and Ray Train say it in RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT; SLURM's srun
    has variables of its own. The processor or GPU is chosen by LOCAL_RANK.
    """
    if (told := describe_launch(environment)) is None:
        return None
    from torch.distributed import rendezvous

    os.environ.update(told)
    use_device(int(told["LOCAL_RANK"]))
    store, number, count = next(iter(rendezvous("env://")))
    return Ranks(number, count, store)


def describe_launch(environment: Mapping[str, str]) -> dict[str, str] | None:
    """Return the variables of torchrun as a launcher of several processes set them, or None."""
    told = {"LOCAL_RANK": "0"} | dict(environment)
    if "RANK" not in told and "SLURM_PROCID" in told and "SLURM_STEP_NUM_TASKS" in told:
        # The first host of a list such as node[01-04,07] or a,b has the first process.
        host = re.match(r"([^\[,]+)(?:\[(\d+))?", told.get("SLURM_STEP_NODELIST", "localhost"))
        told |= {
            "RANK": told["SLURM_PROCID"],
            "WORLD_SIZE": told["SLURM_STEP_NUM_TASKS"],
            "LOCAL_RANK": told.get("SLURM_LOCALID", "0"),
            "MASTER_ADDR": "".join(filter(None, host.groups())),
            "MASTER_PORT": str(FIRST_PORT + int(told["SLURM_JOB_ID"]) % PORTS),
        }
    names = "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"
    if not all(name in told for name in names) or int(told["WORLD_SIZE"]) < 2:
        return None
    return {name: told[name] for name in names}


def use_device(number: int) -> None:
    """Compute on one of this machine's GPUs; with fewer, as where SLURM shows one each, share."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())
