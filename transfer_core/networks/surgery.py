"""Surgery: cut a source network, freeze or randomise the kept stages, add a new head."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from transfer_core.cases import Strategy
from transfer_core.languages import N_
from transfer_core.networks.head import (
    HEAD,
    AllStagesNetwork,
    build_head,
    count_pooled_features,
)
from transfer_core.networks.kept_stages import list_head_stages, list_kept_stages
from transfer_core.networks.network_builder import (
    build_on_meta_device,
    build_untrained,
    load_pretrained,
)
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.train_mode import find_batch_norms
from transfer_core.system import DrawFrom, make_generator

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


def adapt(source: SourceNetwork, strategy: Strategy, num_classes: int, seed: int) -> nn.Sequential:
    """Adapt a pre-trained network: cut it, freeze stages, add a new head.

    Args:
        source: The network to transfer from.
        strategy: What to keep, freeze and initialise.
        num_classes: Number of classes C of the new data set.
        seed: Draws the weights of the head, and all weights if they are random.

    Returns:
        A new `Sequential` of the kept stages and the stage "head", taking
        normalised images (B, 3, H, W) to logits (B, C), in eval mode. It is an
        `AllStagesNetwork` if the head reads all stages. Only what the strategy
        leaves trainable requires gradients.

    Raises:
        SettingsError: If the strategy names a stage that the network lacks.
    """
    kept = list_kept_stages(source, strategy)
    if strategy.initialise == "pretrained":
        model = load_pretrained(source)
    else:
        model = build_untrained(source, num_classes=num_classes, seed=seed)
    stages = OrderedDict((name, getattr(model, name)) for name in kept)
    stages[HEAD] = draw_head(source, strategy, num_classes, seed)
    build = AllStagesNetwork if strategy.approach == "all stages" else nn.Sequential
    network = build(stages).eval()
    for name, stage in network.named_children():
        stage.requires_grad_(name not in strategy.frozen)
    return network


def draw_head(
    source: SourceNetwork, strategy: Strategy, num_classes: int, seed: int
) -> nn.Sequential:
    """Return the new head that `adapt` adds, with the same random weights."""
    with DrawFrom(make_generator(seed)):
        return build_head(
            _find_head_shape(infer_output_shapes(source), source, strategy), num_classes
        )


def summarise_network(
    source: SourceNetwork, strategy: Strategy, num_classes: int
) -> tuple[StageSummary, ...]:
    """Summarise every stage of the source network, input to output, and last the head."""
    kept, shapes = list_kept_stages(source, strategy), infer_output_shapes(source)
    original = build_on_meta_device(source)
    read = _find_head_shape(shapes, source, strategy)
    with torch.device("meta"):
        added = build_head(read, num_classes)
    parts = [
        _summarise_stage(stage, strategy, getattr(original, stage.name), shapes[stage.name], kept)
        for stage in source.stages
    ]
    new = StageSummary(
        HEAD,
        N_("New layer"),
        "fully connected",
        (num_classes,),
        _count_parameters(added),
        "new",
        N_("One output per class, random weights, trained; reads all kept stages")
        if strategy.approach == "all stages"
        else N_("One output per class, random weights, trained"),
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


def _find_head_shape(
    shapes: dict[str, tuple[int, ...]], source: SourceNetwork, strategy: Strategy
) -> tuple[int, ...]:
    """Return the shape, for one image, of what the head reads."""
    read = list_head_stages(source, strategy)
    if strategy.approach == "all stages":
        return (sum(count_pooled_features(shapes[name]) for name in read),)
    return shapes[read[-1]]


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
        return "cut away", N_("Not part of the new network")
    if strategy.initialise == "random":
        return "randomised", N_("Random weights, trained")
    if name in strategy.frozen:
        return "frozen", N_("Pre-trained weights, frozen")
    return "kept", N_("Pre-trained weights, trained further")


def _count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
