"""The head of an adapted network: what it reads of the kept stages, and its one layer."""

from collections import OrderedDict

import torch
from torch import nn

HEAD = "head"  # name of the stage that surgery adds
MAX_POOL_SIZE = 4  # side of the maps that the head sees, after pooling
MAX_HEAD_FEATURES = 8192  # inputs of the head from one stage; maps are pooled to stay below


def pool_features(features: torch.Tensor) -> torch.Tensor:
    """Pool the output of a stage for the head, to (B, D).

    Maps (B, C, H, W) are average-pooled to 4 x 4, with many channels to 2 x 2 or 1 x 1. Tokens
    (B, T, D) are averaged.
    """
    if features.ndim == 4:
        features = nn.functional.adaptive_avg_pool2d(features, compute_pool_size(features.shape[1]))
    elif features.ndim == 3:
        features = features.mean(1)
    return features.flatten(1)


def compute_pool_size(channels: int) -> int:
    """Return the side to which maps of so many channels are pooled."""
    sizes = (MAX_POOL_SIZE, MAX_POOL_SIZE // 2)
    return next((size for size in sizes if channels * size**2 <= MAX_HEAD_FEATURES), 1)


def count_pooled_features(shape: tuple[int, ...]) -> int:
    """Return how many features `pool_features` gives for a stage of this output shape."""
    return shape[0] * compute_pool_size(shape[0]) ** 2 if len(shape) == 3 else shape[-1]


def build_head(shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Build the head: pooling if what it reads, of this shape, needs it, and a linear layer."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    features = shape[-1]
    if len(shape) == 3:
        size = compute_pool_size(shape[0])
        layers |= {"pool": nn.AdaptiveAvgPool2d(size), "flatten": nn.Flatten()}
        features = shape[0] * size**2
    elif len(shape) == 2:
        layers["pool"] = TokenMeanPool()
    layers["linear"] = nn.Linear(features, num_classes)
    return nn.Sequential(layers)


class TokenMeanPool(nn.Module):
    """Average tokens: (B, T, D) to (B, D)."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the mean of the tokens."""
        return tokens.mean(1)


class AllStagesNetwork(nn.Sequential):
    """Kept stages, and behind them a head that reads the pooled outputs of all of them.

    A slice of it is an ordinary `nn.Sequential`, which runs one stage after another.

    Source:
        Evci et al. 2022, "Head2Toe: Utilizing intermediate representations for better transfer
        learning". They select features; here every pooled feature is kept.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (B, C) of normalised images (B, 3, H, W)."""
        *_, head = self
        return head(self.pool_stages(images))

    def pool_stages(self, images: torch.Tensor) -> torch.Tensor:
        """Return the pooled outputs of the kept stages side by side, (B, D)."""
        *stages, _ = self
        pooled, features = [], images
        for stage in stages:
            features = stage(features)
            pooled.append(pool_features(features))
        return torch.cat(pooled, 1)

    def __getitem__(self, index: int | slice) -> nn.Module:
        """Return a stage, or some of them without the wiring of the head."""
        if isinstance(index, slice):
            return nn.Sequential(OrderedDict(list(self.named_children())[index]))
        return super().__getitem__(index)


def compute_head_inputs(network: nn.Sequential, images: torch.Tensor) -> torch.Tensor:
    """Return the pooled features that the head's linear layer reads, (B, D), of inputs."""
    if isinstance(network, AllStagesNetwork):
        return network.pool_stages(images)
    return pool_features(network[:-1](images))
