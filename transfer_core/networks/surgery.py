"""Surgery: cut a source network, freeze or randomise the kept stages, add a new head."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from transfer_core.cases import Strategy
from transfer_core.networks.kept_stages import list_kept_stages
from transfer_core.networks.network_builder import (
    build_on_meta_device,
    build_untrained,
    load_pretrained,
)
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.train_mode import find_batch_norms
from transfer_core.system import DrawFrom, make_generator

HEAD = "head"  # name of the stage that surgery adds
MAX_POOL_SIZE = 4  # side of the maps that the head sees, after pooling
MAX_HEAD_FEATURES = 8192  # inputs of the head; maps are pooled further to stay below

StageState = Literal["kept", "frozen", "cut away", "new", "randomised"]


def upgrade_head_name(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the weights of an adapted network; until version 0.1 the head was called "new"."""
    old = "new."
    return {
        f"{HEAD}.{name.removeprefix(old)}" if name.startswith(old) else name: value
        for name, value in weights.items()
    }


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage of an adapted network, and what surgery did to it."""

    stage: str
    title: str
    kind: Literal["convolutional", "transformer", "fully connected"]
    shape: tuple[int, ...]  # of the stage's output for one image
    weights: int  # number of weights and biases
    state: StageState
    note: str  # for people
    has_running_stats: bool  # whether the stage normalises with running statistics


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


def adapt(source: SourceNetwork, strategy: Strategy, num_classes: int, seed: int) -> nn.Sequential:
    """Adapt a pre-trained network: cut it, freeze stages, add a new head.

    Args:
        source: The network to transfer from.
        strategy: What to keep, freeze and initialise.
        num_classes: Number of classes C of the new data set.
        seed: Draws the weights of the head, and all weights if they are random.

    Returns:
        A new `Sequential` of the kept stages and the stage "head", taking
        normalised images (B, 3, H, W) to logits (B, C), in eval mode. Only what
        the strategy leaves trainable requires gradients.

    Raises:
        SettingsError: If the strategy names a stage that the network lacks.
    """
    kept = list_kept_stages(source, strategy)
    if strategy.initialise == "pretrained":
        model = load_pretrained(source)
    else:
        model = build_untrained(source, num_classes=num_classes, seed=seed)
    stages = OrderedDict((name, getattr(model, name)) for name in kept)
    with DrawFrom(make_generator(seed)):
        stages[HEAD] = build_head(infer_output_shapes(source)[kept[-1]], num_classes)
    network = nn.Sequential(stages).eval()
    for name, stage in network.named_children():
        stage.requires_grad_(name not in strategy.frozen)
    return network


def summarise_network(
    source: SourceNetwork, strategy: Strategy, num_classes: int
) -> tuple[StageSummary, ...]:
    """Summarise every stage of the source network, input to output, and last the head."""
    kept = list_kept_stages(source, strategy)
    shapes = infer_output_shapes(source)
    original = build_on_meta_device(source)
    with torch.device("meta"):
        added = build_head(shapes[kept[-1]], num_classes)
    parts = [
        _summarise_stage(stage, strategy, getattr(original, stage.name), shapes[stage.name], kept)
        for stage in source.stages
    ]
    new = StageSummary(
        HEAD,
        "New layer",
        "fully connected",
        (num_classes,),
        _count_parameters(added),
        "new",
        f"One output per class ({num_classes}), random weights, trained",
        False,
    )
    return (*parts, new)


@torch.no_grad()
def infer_output_shapes(source: SourceNetwork) -> dict[str, tuple[int, ...]]:
    """Return the output shape of each stage for one image; computed without weights."""
    features = torch.zeros(1, 3, source.input_size, source.input_size, device="meta")
    shapes = {}
    for name, stage in build_on_meta_device(source).named_children():
        features = stage(features)
        shapes[name] = tuple(features.shape[1:])
    return shapes


def build_head(shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Build the head: pooling if a stage of this output shape needs it, and a linear layer."""
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


def _summarise_stage(stage, strategy, module, shape, kept) -> StageSummary:
    state, note = _determine_state(stage.name, strategy, kept)
    return StageSummary(
        stage.name,
        stage.title,
        stage.kind,
        shape,
        _count_parameters(module),
        state,
        note,
        bool(find_batch_norms(module)),
    )


def _determine_state(
    name: str, strategy: Strategy, kept: tuple[str, ...]
) -> tuple[StageState, str]:
    if name not in kept:
        return "cut away", "Not part of the new network"
    if strategy.initialise == "random":
        return "randomised", "Random weights, trained"
    if name in strategy.frozen:
        return "frozen", "Pre-trained weights, frozen"
    return "kept", "Pre-trained weights, trained further"


def _count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
