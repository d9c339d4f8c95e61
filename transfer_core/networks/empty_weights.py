"""Build networks without memory for their weights."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode

RANDOM_INIT_FUNCTIONS = {
    torch.Tensor.normal_,
    torch.Tensor.uniform_,
}  # torch initialises weights by these

_here = threading.local()  # `allocates`: whether this thread is in `allocate_memory`


@contextmanager
def init_empty_weights() -> Iterator[None]:
    """Give layers built inside this context weights on the meta device; draw no random number.

    A network is then built at once, to be described or to be given its weights, and no other
    thread notices. Unlike `torch.device("meta")`, it leaves alone all that a network computes
    when it is built, such as an index of positions.
    """
    with _EmptyWeightsMode():
        yield


@contextmanager
def allocate_memory() -> Iterator[None]:
    """Inside `init_empty_weights`, give layers memory all the same; nothing random fills it."""
    _here.allocates = True
    try:
        yield
    finally:
        _here.allocates = False


class _EmptyWeightsMode(TorchFunctionMode):
    """Intercepts `torch.empty` and the in-place random functions, which layers use."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.empty and not getattr(_here, "allocates", False):
            kwargs = {**kwargs, "device": "meta"}
        return args[0] if function in RANDOM_INIT_FUNCTIONS else function(*args, **kwargs)
