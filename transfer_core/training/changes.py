"""The proof that frozen means frozen: how far each stage has moved from where it began."""

import torch
from torch import nn

from transfer_core.training.events import StageChange


class WeightChangeMeter:
    """Remembers a network's weights and statistics and measures what has changed since."""

    def __init__(self, network: nn.Sequential, frozen_stages: tuple[str, ...]) -> None:
        self._network, self._frozen_stages = network, frozen_stages
        self._start = {name: value.clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def measure(self) -> tuple[StageChange, ...]:
        """One `StageChange` per stage, input to output."""
        return tuple(
            self._measure_stage(name, stage) for name, stage in self._network.named_children()
        )

    def _measure_stage(self, name: str, stage: nn.Module) -> StageChange:
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
        return StageChange(name, name in self._frozen_stages, change, statistics)
