"""The proof that frozen means frozen: how far each stage has moved from where it began."""

import torch
from torch import nn

from transfer_core.training.events import LayerChange


class ChangeMeter:
    """Remembers a network's weights and statistics and measures what has changed since."""

    def __init__(self, network: nn.Sequential, frozen: tuple[str, ...]) -> None:
        self._network, self._frozen = network, frozen
        self._start = {name: value.clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def measure(self) -> tuple[LayerChange, ...]:
        """One `LayerChange` per stage, input to output."""
        return tuple(self._stage(name, stage) for name, stage in self._network.named_children())

    def _stage(self, name: str, stage: nn.Module) -> LayerChange:
        moved = squared = 0.0
        for key, now in stage.named_parameters(prefix=name):
            # Compared before subtracting: NaN and rounding cannot pass for "no change".
            if not torch.equal(now, self._start[key]):
                moved += (now - self._start[key]).double().square().sum().item()
            squared += self._start[key].double().square().sum().item()
        statistics = any(
            not torch.equal(now, self._start[key]) for key, now in stage.named_buffers(prefix=name)
        )
        change = (moved / squared) ** 0.5 if squared else 0.0
        return LayerChange(name, name in self._frozen, change, statistics)
