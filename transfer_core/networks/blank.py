"""Build networks without memory for their weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode

RANDOM_INIT_FUNCTIONS = {torch.Tensor.normal_, torch.Tensor.uniform_}  # how weights are initialised


@contextmanager
def init_empty_weights() -> Iterator[None]:
    """Within it, new layers have weights without memory, and no random number is drawn.

    So a network is ready at once to be described, or to be given its weights, also while
    another thread trains. What a network computes for itself, such as an index of positions,
    is computed as ever, which `torch.device("meta")` would not allow.
    """
    with _EmptyWeightsMode():
        yield


class _EmptyWeightsMode(TorchFunctionMode):
    """Layers make their weights by `torch.empty` and draw them in place."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.empty:
            kwargs = {**kwargs, "device": "meta"}
        return args[0] if function in RANDOM_INIT_FUNCTIONS else function(*args, **kwargs)
