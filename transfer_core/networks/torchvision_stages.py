"""Split a sequence of modules into stages; a network can be cut between them.

A stage begins at a module that lowers the resolution of the maps, that turns maps into vectors,
at each further fully connected layer, and at the last layer. A vision transformer keeps its
resolution; its layers are split into quarters.
"""

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import nn

from transfer_core.networks.source_network import Stage
from transfer_core.networks.torchvision_modules import ClassTokenPooling

TRANSFORMER_STAGES = 4
MAX_RESOLUTION_RATIO = 0.75  # of output to input; unpadded convolutions lower it less
SPATIAL_END_MODULES = (nn.AdaptiveAvgPool2d, nn.Flatten, ClassTokenPooling)
RESPONDS_TO = ("edges and colours", "shapes and textures", "higher-level features")  # by depth


@torch.no_grad()
def split_into_stages(modules: dict[str, nn.Module], image_size: int) -> tuple[Stage, ...]:
    """Split a sequence of modules into stages.

    Args:
        modules: From `torchvision_modules.flatten_model`, on the meta device: nothing is computed.
        image_size: Side of the input that the network was trained on, in pixels.
    """
    shapes = _compute_output_shapes(modules, image_size)
    starts = _find_stage_starts(modules, shapes)
    groups = [
        list(modules)[start:end]
        for start, end in zip(starts, [*starts[1:], len(modules)], strict=True)
    ]
    stages, maps = [], sum(len(shapes[group[-1]]) > 1 for group in groups[:-1])
    for number, group in enumerate(groups, start=1):
        within = [module for path in group for module in modules[path].modules()]
        if number == len(groups):
            name, title, sees = "classifier", "Classifier", "the source classes"
        elif number <= maps:
            name, title = f"stage{number}", f"Stage {number}"
            sees = RESPONDS_TO[(number - 1) * len(RESPONDS_TO) // maps]
        elif any(isinstance(module, nn.Linear) for module in within):
            name, title = f"fc{number - maps}", f"Fully connected {number - maps}"
            sees = "combinations of features"
        else:
            name, title, sees = "pool", "Pooling", "the same features, wherever they are"
        stages.append(
            Stage(name, title, _classify_stage(number <= maps, within), sees, tuple(group))
        )
    return tuple(stages)


def build_staged_network(
    modules: dict[str, nn.Module], stages: dict[str, tuple[str, ...]]
) -> nn.Sequential:
    """Build a `Sequential` of stages, given the paths of the modules of each stage."""
    network: OrderedDict[str, nn.Module] = OrderedDict()
    for stage, paths in stages.items():
        named = ((path.replace(".", "_"), modules[path]) for path in paths)
        network[stage] = nn.Sequential(OrderedDict(named))
    return nn.Sequential(network)


def _compute_output_shapes(
    modules: dict[str, nn.Module], image_size: int
) -> dict[str, tuple[int, ...]]:
    """Return the output shape of each module for one image."""
    features, shapes = torch.zeros(1, 3, image_size, image_size, device="meta"), {}
    for path, module in modules.items():
        features = module.eval()(features)
        shapes[path] = tuple(features.shape[1:])
    return shapes


def _find_stage_starts(
    modules: dict[str, nn.Module], shapes: dict[str, tuple[int, ...]]
) -> list[int]:
    """Return the indices of the modules that begin a stage."""
    row, at = list(modules.values()), list(shapes.values())
    weighted = [i for i, module in enumerate(row) if any(True for _ in module.parameters())]
    vectors = next(i for i, module in enumerate(row) if isinstance(module, SPATIAL_END_MODULES))
    maps = [i for i in weighted if i < vectors]
    levels = [
        4.0 ** -_assign_quarter(number, len(maps)) if len(at[i]) == 2 else at[i][1]
        for number, i in enumerate(maps)
    ]
    steps = zip(maps[1:], pairwise(levels), strict=True)
    falls = [index for index, (before, here) in steps if here <= MAX_RESOLUTION_RATIO * before]
    connected = [i for i in weighted if i > vectors and isinstance(row[i], nn.Linear)]
    starts = {0, *falls, vectors, *connected[1:], weighted[-1]}
    return sorted(index for index in starts if index <= weighted[-1])


def _assign_quarter(number: int, tokens: int) -> int:
    """Return the quarter of a transformer layer; an embedding precedes, a norm follows them."""
    return min(TRANSFORMER_STAGES - 1, (number - 1) * TRANSFORMER_STAGES // (tokens - 2))


def _classify_stage(maps: bool, within: list[nn.Module]) -> str:
    if not maps:
        return "fully connected"
    attends = any("Attention" in type(module).__name__ for module in within)
    return "transformer" if attends else "convolutional"
