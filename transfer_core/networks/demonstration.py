"""The demonstration network: three convolutional and three fully connected layers.

It is small enough to draw on one screen and to train on a laptop. The first layer responds to
edges, the second to shapes, the third to higher-level features; the fully connected layers turn
these into classes.
"""

from collections import OrderedDict

from torch import nn


def build(num_classes: int) -> nn.Sequential:
    """Build the network with random weights.

    Args:
        num_classes: Number of outputs C of the last layer.

    Returns:
        A `Sequential` of the six stages conv1 to conv3 and fc1 to fc3, taking normalised
        images of shape (B, 3, 64, 64) to logits of shape (B, C).
    """
    return nn.Sequential(
        OrderedDict(
            conv1=_build_convolutional(3, 64, kernel_size=7, stride=2, pool=nn.MaxPool2d(2)),
            conv2=_build_convolutional(64, 192, kernel_size=3, stride=1, pool=nn.MaxPool2d(2)),
            # Adaptive, because pre-training begins on smaller, cheaper images.
            conv3=_build_convolutional(
                192, 320, kernel_size=3, stride=1, pool=nn.AdaptiveMaxPool2d(4)
            ),
            fc1=_build_fully_connected(320 * 4 * 4, 512, flatten=True),
            fc2=_build_fully_connected(512, 512),
            fc3=nn.Linear(512, num_classes),
        )
    )


def _build_convolutional(
    in_channels: int, out_channels: int, *, kernel_size: int, stride: int, pool: nn.Module
):
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(
                in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False
            ),
            norm=nn.BatchNorm2d(out_channels),
            relu=nn.ReLU(),
            pool=pool,
        )
    )


def _build_fully_connected(in_features: int, out_features: int, *, flatten: bool = False):
    layers: OrderedDict[str, nn.Module] = (
        OrderedDict(flatten=nn.Flatten()) if flatten else OrderedDict()
    )
    layers.update(
        linear=nn.Linear(in_features, out_features, bias=False),
        norm=nn.BatchNorm1d(out_features),
        relu=nn.ReLU(),
        dropout=nn.Dropout(0.3),
    )
    return nn.Sequential(layers)
