"""Split a network in two at the layer whose output its attribution maps show."""

from collections.abc import Sequence

import torch
from torch import nn

from transfer_core.networks import HEAD, AllStagesNetwork, pool_features


class _StagesAbove(nn.Module):
    """The part of an `AllStagesNetwork` above a layer, for one image.

    The head also reads the stages below the layer. What it reads of them is fixed here, so the
    maps show the evidence in the layer's own output only.

    Args:
        pooled: Pooled outputs of the stages that end below the layer, each (1, D).
        stages: The layers above, those of one stage together.
        head: The head.
    """

    def __init__(
        self, pooled: Sequence[torch.Tensor], stages: Sequence[nn.Module], head: nn.Module
    ) -> None:
        super().__init__()
        self.pooled, self.stages, self.head = pooled, nn.ModuleList(stages), head

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the logits (K, C) of the layer's output (K, ...)."""
        pooled = [each.expand(len(features), -1) for each in self.pooled]
        for stage in self.stages:
            features = stage(features)
            pooled.append(pool_features(features))
        return self.head(torch.cat(pooled, 1))


@torch.no_grad()
def split_network(network: nn.Sequential, image: torch.Tensor) -> tuple[nn.Module, nn.Module]:
    """Return the parts of a network below and above the layer that attribution maps show.

    Args:
        network: A trained network; the layers of its stages run one after another.
        image: One normalised image, (1, 3, H, W).
    """
    stages = [list(stage.children()) for stage in network[:-1]]
    layers = [layer for stage in stages for layer in stage]
    count, head = _count_layers_below(layers, image), network.get_submodule(HEAD)
    below = nn.Sequential(*layers[:count])
    if not isinstance(network, AllStagesNetwork):
        return below, nn.Sequential(*layers[count:], head)
    pooled, above, features, start = [], [], image, 0
    for stage in stages:
        end = start + len(stage)
        if end < count:
            features = nn.Sequential(*stage)(features)
            pooled.append(pool_features(features))
        else:
            above.append(nn.Sequential(*stage[max(0, count - start) :]))
        start = end
    return below, _StagesAbove(pooled, above, head)


def _count_layers_below(layers: list[nn.Module], image: torch.Tensor) -> int:
    """Count the layers through the last with maps, or before the last with attention."""
    shapes, features = [], image
    for layer in layers:
        features = layer(features)
        shapes.append(features.shape[1:])
    weighted = [i for i, layer in enumerate(layers) if any(True for _ in layer.parameters())]
    attention = [i for i in weighted if len(shapes[i]) == 2]
    if attention:
        return max(i for i in attention if _has_attention(layers[i]))
    maps = [i for i in weighted if len(shapes[i]) == 3]
    at = max([i for i in maps if shapes[i][1] > 1] or maps)
    while shapes[at + 1 : at + 2] == [shapes[at]]:  # an activation belongs to its convolution
        at += 1
    return at + 1


def _has_attention(module: nn.Module) -> bool:
    return any(isinstance(part, nn.MultiheadAttention) for part in module.modules())
