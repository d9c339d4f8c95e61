"""Draw random numbers from a generator of one's own instead of torch's global one.

Layers draw their first weights, dropout and stochastic depth from torch's global generator, which
every thread of the process shares. A run that drew from it would depend on what happens beside it.
"""

import inspect
from collections.abc import Callable

import torch
from torch.nn import functional, init
from torch.overrides import TorchFunctionMode

DRAWING_FUNCTIONS = {  # that take an argument `generator`
    torch.Tensor.bernoulli_,
    torch.Tensor.cauchy_,
    torch.Tensor.exponential_,
    torch.Tensor.geometric_,
    torch.Tensor.log_normal_,
    torch.Tensor.normal_,
    torch.Tensor.random_,
    torch.Tensor.uniform_,
    torch.bernoulli,
    torch.binomial,
    torch.multinomial,
    torch.normal,
    torch.poisson,
    torch.rand,
    torch.rand_like,
    torch.randint,
    torch.randint_like,
    torch.randn,
    torch.randn_like,
    torch.randperm,
    *(
        function
        for _, function in inspect.getmembers(init, inspect.isfunction)
        if "generator" in inspect.signature(function).parameters
    ),
}
# Functions that can only draw from the global generator, and the arguments, by name and position,
# that must all be set for them to draw. Functions of `functional` pass theirs on by name.
UNSUPPORTED_FUNCTIONS: dict[Callable, dict[str, int]] = {
    functional.alpha_dropout: {"training": 2},
    functional.dropout1d: {"training": 2},
    functional.dropout2d: {"training": 2},
    functional.dropout3d: {"training": 2},
    functional.feature_alpha_dropout: {"training": 2},
    functional.gumbel_softmax: {},
    functional.multi_head_attention_forward: {"dropout_p": 10, "training": 13},
    functional.rrelu: {"training": 3},
    functional.scaled_dot_product_attention: {"dropout_p": 4},
    torch.alpha_dropout: {"train": 2},
    torch.dropout: {"train": 2},
    torch.feature_alpha_dropout: {"train": 2},
    torch.feature_dropout: {"train": 2},
    torch.native_dropout: {"train": 2},
    torch.rrelu: {"training": 3},
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

    Raises:
        NotImplementedError: In the block, if a function can only draw from the global generator.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self._generator = generator

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is functional.dropout:
            return _apply_dropout(self._generator, *args, **kwargs)
        if _draws_from_global_generator(function, args, kwargs):
            raise NotImplementedError(f"{function.__name__} takes no generator")
        if function in DRAWING_FUNCTIONS and kwargs.get("generator") is None:
            kwargs = {**kwargs, "generator": self._generator}
        return function(*args, **kwargs)


def _draws_from_global_generator(function: Callable, args: tuple, kwargs: dict) -> bool:
    switches = UNSUPPORTED_FUNCTIONS.get(function)
    return switches is not None and all(
        kwargs.get(name, args[position] if position < len(args) else False)
        for name, position in switches.items()
    )


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
