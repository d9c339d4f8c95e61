"""Which part of the input one position of a stage's output can depend on."""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from transfer_core.networks import SourceNetwork
from transfer_core.system import get_device

CENTRAL_SHARE = 0.5  # of the side of the image, which a patch has at most


@dataclass(frozen=True, slots=True)
class Box:
    """A square part of the input, in pixels."""

    top: int
    left: int
    side: int


@torch.inference_mode()
def measure_receptive_fields(network: nn.Sequential, source: SourceNetwork) -> dict[str, int]:
    """Return the side of each stage's receptive field in pixels, at most that of the input.

    The windows of all layers are added up in the order in which they run, each times the distance
    of its input's positions in the image. Layers side by side are counted one after another, so a
    network of such blocks may come out larger than it is. Attention and fully connected layers
    see everything. The average over all positions inside a squeeze-and-excitation block is left
    out: it carries no place.

    Source:
        Araujo et al. 2019, "Computing receptive fields of convolutional neural networks", for a
        chain of layers.
    """
    sides: dict[str, int] = {}
    grown = [1.0]

    def grow(module: nn.Module, inputs: tuple, output: object) -> None:
        grown[0] += _compute_growth(module, inputs, output, source.input_size)

    network = copy.deepcopy(network)  # others use the given one
    for module in network.modules():
        if not list(module.children()) or isinstance(module, nn.MultiheadAttention):
            module.register_forward_hook(grow)
    features = torch.zeros(1, 3, source.input_size, source.input_size, device=get_device(network))
    for name, stage in list(network.named_children())[:-1]:
        features = stage(features)
        if features.ndim != 4 or features.shape[-1] == 1:
            grown[0] = source.input_size
        sides[name] = round(min(grown[0], source.input_size))
    return sides


def _compute_growth(module: nn.Module, inputs: tuple, output: object, size: int) -> float:
    """Return by how many pixels of the input a layer widens the field."""
    given = inputs[0] if inputs else None
    if not isinstance(given, torch.Tensor) or not isinstance(output, torch.Tensor):
        return size if isinstance(module, nn.MultiheadAttention) else 0
    if given.ndim != 4 or output.ndim != 4 or output.shape[-1] == 1:
        return 0
    if isinstance(module, (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)):
        window = -(-given.shape[-1] // output.shape[-1])
    else:
        window = getattr(module, "kernel_size", 1)
        window = window[0] if isinstance(window, tuple) else window
        dilation = getattr(module, "dilation", 1)
        dilation = dilation[0] if isinstance(dilation, tuple) else dilation
        window = (window - 1) * dilation + 1
    return (window - 1) * size / given.shape[-1]


def locate_patch(row: int, column: int, maps_side: int, field: int, size: int) -> Box:
    """Return the part of the input that one position of a map looks at.

    Of a field that is nearly as large as the image the middle is taken: a unit responds most to
    the middle of its field (Luo et al. 2016, "Understanding the effective receptive field in deep
    convolutional neural networks").

    Args:
        row: Position in the map.
        column: Position in the map.
        maps_side: Side of the map in positions; 1 sees the whole image.
        field: Side of the receptive field, pixels.
        size: Side of the input, pixels.
    """
    if maps_side == 1:
        return Box(0, 0, size)
    side = min(field, max(round(CENTRAL_SHARE * size), size // maps_side))
    top, left = (
        min(max(0, round((at + 0.5) * size / maps_side - side / 2)), size - side)
        for at in (row, column)
    )
    return Box(top, left, side)
