"""EfficientNet-Lite: a convolutional network for photos that runs fast on processors.

It is EfficientNet without squeeze-and-excitation and with ReLU6, made by Google for phones. Its
children are stages: one for each resolution of the maps, then the features, then the classifier.

Source:
    Tan and Le 2019, "EfficientNet", arXiv 1905.11946; the variants Lite0 to Lite2 of
    https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

STEM_CHANNELS, NUM_FEATURES = 32, 1280
CHANNEL_MULTIPLE = 8  # numbers of channels are multiples of it
NORM_EPSILON, NORM_MOMENTUM = 1e-3, 0.01  # as trained; torch's own are 1e-5 and 0.1


@dataclass(frozen=True, slots=True)
class Variant:
    """What distinguishes one network of the family from the others."""

    width: float  # factor of the channels
    depth: float  # factor of the repeats
    dropout: float  # share of the features that dropout removes


@dataclass(frozen=True, slots=True)
class Row:
    """Blocks in a row that differ only in their first stride."""

    repeats: int  # in a network of depth 1
    kernel_size: int  # pixels
    stride: int  # pixels, of the first block; the others have 1
    expansion: int  # factor by which the channels grow inside a block
    channels: int  # of the output, in a network of width 1
    scales_depth: bool = True  # whether a deeper network repeats the block more often

    def count_blocks(self, depth: float) -> int:
        """Return the number of blocks in a network of this depth."""
        return math.ceil(self.repeats * depth) if self.scales_depth else self.repeats


VARIANTS = {
    "efficientnet_lite0": Variant(1.0, 1.0, 0.2),
    "efficientnet_lite1": Variant(1.0, 1.1, 0.2),
    "efficientnet_lite2": Variant(1.1, 1.2, 0.3),
}
ROWS = {  # by stage
    "stage1": (Row(1, 3, 1, 1, 16, scales_depth=False),),
    "stage2": (Row(2, 3, 2, 6, 24),),
    "stage3": (Row(2, 5, 2, 6, 40),),
    "stage4": (Row(3, 3, 2, 6, 80), Row(3, 5, 1, 6, 112)),
    "stage5": (Row(4, 5, 2, 6, 192), Row(1, 3, 1, 6, 320, scales_depth=False)),
}


def build(architecture: str, num_classes: int) -> nn.Sequential:
    """Build a network with torch's random weights.

    Args:
        architecture: A name of `VARIANTS`.
        num_classes: Number of outputs C of the last layer.

    Returns:
        A `Sequential` of the stages stage1 to stage5, features and classifier, taking normalised
        images (B, 3, H, W) to logits (B, C).
    """
    variant = VARIANTS[architecture]
    stages, in_channels = OrderedDict(), STEM_CHANNELS
    for name, rows in ROWS.items():
        layers = OrderedDict[str, nn.Module]()
        if name == "stage1":
            layers["stem"] = _build_convolution(3, STEM_CHANNELS, kernel_size=3, stride=2)
        blocks = _build_blocks(rows, in_channels, variant)
        layers |= {f"block{number}": block for number, block in enumerate(blocks, start=1)}
        stages[name], in_channels = nn.Sequential(layers), blocks[-1].out_channels
    stages["features"] = nn.Sequential(
        OrderedDict(
            convolution=_build_convolution(in_channels, NUM_FEATURES, kernel_size=1),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            dropout=nn.Dropout(variant.dropout),
        )
    )
    stages["classifier"] = nn.Linear(NUM_FEATURES, num_classes)
    return nn.Sequential(stages)


def _build_blocks(rows: tuple[Row, ...], in_channels: int, variant: Variant) -> list["Block"]:
    blocks: list[Block] = []
    for row in rows:
        out_channels = round_channels(row.channels * variant.width)
        for index in range(row.count_blocks(variant.depth)):
            stride = 1 if index else row.stride
            blocks.append(Block(in_channels, out_channels, row.kernel_size, stride, row.expansion))
            in_channels = out_channels
    return blocks


def round_channels(channels: float) -> int:
    """Round a number of channels to a multiple of 8, and never below 0.9 of it."""
    multiple = CHANNEL_MULTIPLE
    rounded = max(multiple, int(channels + multiple / 2) // multiple * multiple)
    return rounded if rounded >= 0.9 * channels else rounded + multiple


class Block(nn.Module):
    """An inverted residual block: expand the channels, filter each of them, project back.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the filters in pixels.
        stride: Pixels between two outputs.
        expansion: Factor by which the channels grow inside; 1 leaves out this step.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        inside = in_channels * expansion
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if expansion > 1:
            layers["expand"] = _build_convolution(in_channels, inside, kernel_size=1)
        layers["depthwise"] = _build_convolution(
            inside, inside, kernel_size=kernel_size, stride=stride, groups=inside
        )
        layers["project"] = _build_convolution(inside, out_channels, kernel_size=1, relu=False)
        self.layers, self.out_channels = nn.Sequential(layers), out_channels
        self.has_skip = stride == 1 and in_channels == out_channels

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps (B, C, H, W); the input is added if it has the same shape."""
        result = self.layers(maps)
        return maps + result if self.has_skip else result


class SamePadding(nn.Module):
    """Zeros around maps so that a convolution gives ceil(side / stride) outputs, as TensorFlow.

    An odd number of zeros puts one more at the right and at the bottom, unlike torch's padding.

    Args:
        kernel_size: Side of the convolution's filters in pixels.
        stride: Pixels between two outputs.
    """

    def __init__(self, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return padded maps (B, C, H, W)."""
        # Whole numbers, for a traced size would be divided as ONNX does it, towards zero.
        height, width = map(int, maps.shape[-2:])
        return functional.pad(maps, (*self.compute_zeros(width), *self.compute_zeros(height)))

    def compute_zeros(self, side: int) -> tuple[int, int]:
        """Return the zeros before and after a side of so many pixels."""
        steps = -(-side // self.stride) - 1
        zeros = max(0, steps * self.stride + self.kernel_size - side)
        return zeros // 2, zeros - zeros // 2


def _build_convolution(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int,
    stride: int = 1,
    groups: int = 1,
    relu: bool = True,
) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    padding = kernel_size // 2  # the same as TensorFlow's if the stride is 1
    if stride > 1:
        layers["pad"], padding = SamePadding(kernel_size, stride), 0
    layers["conv"] = nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False
    )
    layers["norm"] = nn.BatchNorm2d(out_channels, eps=NORM_EPSILON, momentum=NORM_MOMENTUM)
    if relu:
        layers["relu"] = nn.ReLU6(inplace=True)
    return nn.Sequential(layers)
