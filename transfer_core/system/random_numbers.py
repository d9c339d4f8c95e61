"""Draw random numbers from a generator of one's own instead of torch's global one.

Layers draw their first weights, dropout and stochastic depth from torch's global generator, which
every thread of the process shares. A run that drew from it would depend on what happens beside it.
"""

import inspect

import torch
from torch.nn import functional, init
from torch.overrides import TorchFunctionMode

DRAWING_FUNCTIONS = {  # that take an argument `generator`
    torch.Tensor.bernoulli_,
    torch.Tensor.exponential_,
    torch.Tensor.normal_,
    torch.Tensor.random_,
    torch.Tensor.uniform_,
    torch.bernoulli,
    torch.multinomial,
    torch.normal,
    torch.rand,
    torch.randint,
    torch.randn,
    torch.randperm,
    *(
        function
        for _, function in inspect.getmembers(init, inspect.isfunction)
        if "generator" in inspect.signature(function).parameters
    ),
}
UNSUPPORTED_FUNCTIONS = {  # that draw from the global generator whatever one does
    functional.alpha_dropout,
    functional.dropout1d,
    functional.dropout2d,
    functional.dropout3d,
    functional.feature_alpha_dropout,
}


def make_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator of a device, seeded."""
    return torch.Generator(device).manual_seed(seed)


class DrawFrom(TorchFunctionMode):
    """Context in which this thread draws every random number from one generator.

    The numbers are those that torch draws from its global generator in the same state, so that
    `torch.manual_seed` and plain torch repeat them in a script of their own.

    Args:
        generator: On the device of the tensors that are filled.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self._generator = generator

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is functional.dropout:
            return _apply_dropout(self._generator, *args, **kwargs)
        if function in UNSUPPORTED_FUNCTIONS and kwargs.get("training", True):
            raise NotImplementedError(f"{function.__name__} takes no generator")
        if function in DRAWING_FUNCTIONS and kwargs.get("generator") is None:
            kwargs = {**kwargs, "generator": self._generator}
        return function(*args, **kwargs)


def _apply_dropout(
    generator: torch.Generator,
    inputs: torch.Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> torch.Tensor:
    """Compute `functional.dropout` with the operations that torch uses on the processor."""
    if not training or p == 0:
        return inputs
    if p == 1:
        return inputs.mul_(0) if inplace else inputs * 0
    noise = torch.empty_like(inputs).bernoulli_(1 - p, generator=generator).div_(1 - p)
    return inputs.mul_(noise) if inplace else inputs * noise
