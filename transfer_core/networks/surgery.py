"""Surgery: cut a source network, freeze what is kept, add a new layer, randomise the rest."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

from transfer_core.cases import Strategy
from transfer_core.errors import SettingsError
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.weights_file import build, load, outline

NEW = "new"  # name of the stage that surgery adds
POOLED_SIZE = 4  # features; side of what maps are pooled to before a new layer, at most
MOST_FEATURES = 8192  # that a new layer sees of maps, where pooling further can bring it about

PartState = Literal["kept", "frozen", "cut away", "new", "randomised"]


@dataclass(frozen=True, slots=True)
class LayerPart:
    """One layer of the network as drawn: what it is and what surgery did to it."""

    stage: str
    title: str
    kind: Literal["convolutional", "transformer", "fully connected"]
    shape: tuple[int, ...]  # of the stage's output for one image
    weights: int  # number of weights and biases
    state: PartState
    note: str  # for people
    statistics: bool  # whether the stage normalises with running statistics


def pooled(features: torch.Tensor) -> torch.Tensor:
    """What a new layer sees of a stage, (B, D).

    Maps (B, C, H, W) are pooled to 4 x 4, those of many channels to 2 x 2 or 1 x 1; of tokens
    (B, T, D) the mean is taken.
    """
    if features.ndim == 4:
        features = nn.functional.adaptive_avg_pool2d(features, pooled_size(features.shape[1]))
    elif features.ndim == 3:
        features = features.mean(1)
    return features.flatten(1)


def pooled_size(channels: int) -> int:
    """Side of what maps of so many channels are pooled to."""
    sizes = (POOLED_SIZE, POOLED_SIZE // 2)
    return next((size for size in sizes if channels * size**2 <= MOST_FEATURES), 1)


def operate(source: SourceNetwork, strategy: Strategy, classes: int, seed: int) -> nn.Sequential:
    """Perform the surgery that a strategy describes.

    Args:
        source: The network to transfer from.
        strategy: What to keep, freeze and initialise.
        classes: Number of classes C of the new data set.
        seed: Draws the new layer's weights, and all weights where they are random.

    Returns:
        A new `Sequential` of the kept stages and the stage "new", taking
        normalised images (B, 3, H, W) to logits (B, C), in eval mode. Only what
        the strategy leaves trainable requires gradients.

    Raises:
        SettingsError: If the strategy names a stage that the network lacks.
    """
    kept = kept_stages(source, strategy)
    if strategy.initialise == "pretrained":
        model = load(source)
    else:
        model = build(source, classes=classes, seed=seed)
    stages = OrderedDict((name, getattr(model, name)) for name in kept)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stages[NEW] = new_layer(output_shapes(source)[kept[-1]], classes)
    network = nn.Sequential(stages).eval()
    for name, stage in network.named_children():
        stage.requires_grad_(name not in strategy.frozen)
    return network


def kept_stages(source: SourceNetwork, strategy: Strategy) -> tuple[str, ...]:
    """Names of the stages that the strategy keeps, input to output.

    Raises:
        SettingsError: If the strategy keeps or freezes what the network lacks.
    """
    names = source.stage_names[:-1]
    kept = names[: names.index(strategy.keep_through) + 1] if strategy.keep_through in names else ()
    unknown = set(strategy.frozen) - set(kept)
    if not kept or unknown:
        raise SettingsError(
            "The strategy does not fit the network.",
            found=f"keep through {strategy.keep_through!r}, freeze {sorted(strategy.frozen)}",
            remedy=f"{source.title} can keep any of {', '.join(names)} and freeze what it keeps.",
        )
    return kept


def what_was_kept(source: SourceNetwork, strategy: Strategy, best_epoch: int) -> Strategy:
    """The strategy that describes the weights which a run has kept.

    Where it fell back on the new layer alone (epoch 0), everything else is as it was frozen.
    """
    if strategy.fall_back and not best_epoch:
        return replace(strategy, frozen=kept_stages(source, strategy))
    return strategy


def set_training(network: nn.Sequential, frozen: tuple[str, ...]) -> None:
    """Training mode for all stages but the frozen ones, whose statistics must not move."""
    for name, stage in network.named_children():
        stage.train(name not in frozen)


def describe(source: SourceNetwork, strategy: Strategy, classes: int) -> tuple[LayerPart, ...]:
    """Every layer of the source network, input to output, and last the new one."""
    kept = kept_stages(source, strategy)
    shapes = output_shapes(source)
    original = outline(source)
    with torch.device("meta"):
        added = new_layer(shapes[kept[-1]], classes)
    parts = [
        _part(stage, strategy, getattr(original, stage.name), shapes[stage.name], kept)
        for stage in source.stages
    ]
    new = LayerPart(
        NEW, "New layer", "fully connected", (classes,), _weights(added), "new",
        f"One output per class ({classes}), random weights, trained", False,
    )  # fmt: skip
    return (*parts, new)


@torch.no_grad()
def output_shapes(source: SourceNetwork) -> dict[str, tuple[int, ...]]:
    """Shape of each stage's output for one image; computed without weights."""
    features = torch.zeros(1, 3, source.input_size, source.input_size, device="meta")
    shapes = {}
    for name, stage in outline(source).named_children():
        features = stage(features)
        shapes[name] = tuple(features.shape[1:])
    return shapes


def new_layer(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """A fully connected layer behind a stage with outputs of this shape, pooled if needed."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    features = shape[-1]
    if len(shape) == 3:
        size = pooled_size(shape[0])
        layers |= {"pool": nn.AdaptiveAvgPool2d(size), "flatten": nn.Flatten()}
        features = shape[0] * size**2
    elif len(shape) == 2:
        layers["pool"] = MeanToken()
    layers["linear"] = nn.Linear(features, classes)
    return nn.Sequential(layers)


class MeanToken(nn.Module):
    """The mean of tokens: (B, T, D) to (B, D)."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The mean."""
        return tokens.mean(1)


def _part(stage, strategy, module, shape, kept) -> LayerPart:
    state, note = _state(stage.name, strategy, kept)
    statistics = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in module.modules())
    return LayerPart(
        stage.name, stage.title, stage.kind, shape, _weights(module), state, note, statistics
    )


def _state(name: str, strategy: Strategy, kept: tuple[str, ...]) -> tuple[PartState, str]:
    if name not in kept:
        return "cut away", "Not part of the new network"
    if strategy.initialise == "random":
        return "randomised", "Random weights, trained"
    if name in strategy.frozen:
        return "frozen", "Pre-trained weights, frozen"
    return "kept", "Pre-trained weights, trained further"


def _weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
