"""Attribution maps: where in an image the evidence for a class lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np
import torch
from captum.attr import InputXGradient, LayerGradCam
from torch import nn
from torch.nn import functional

from transfer_core.features.embedding import normalise
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.system.devices import get_device


@dataclass(frozen=True)
class Attribution:
    """Where the evidence for some classes lies in one image."""

    maps: np.ndarray  # float32 (K, h, w), at least 0; a map per class, a cell per feature position
    method: str  # for people

    def upsample(self, size: int) -> np.ndarray:
        """The maps at the size of the network's input, float32 (K, size, size).

        Each is in shares of its own highest value; one without any evidence stays 0.
        """
        maps = torch.from_numpy(self.maps)[None]
        maps = functional.interpolate(maps, (size, size), mode="bilinear")[0].numpy()
        highest = maps.max(axis=(1, 2), keepdims=True)
        return maps / np.where(highest > 0, highest, 1)


def explain(
    network: nn.Sequential, source: SourceNetwork, pixels: np.ndarray, classes: Sequence[int]
) -> Attribution:
    """Attribution maps of one image for several classes.

    Args:
        network: A trained network in eval mode; others may use it at the same time.
        source: Describes the normalisation.
        pixels: uint8, shape (H, W, 3), of the network's input size.
        classes: K class indices.

    Source:
        Maps: Grad-CAM (Selvaraju et al. 2017) where the last layer that gives maps ends,
        before any pooling. Tokens: gradient times activation of each patch (Shrikumar et
        al. 2016) where it enters the last attention, the last place where patches still
        count, since what follows sees the class token only. Positive evidence is kept.
    """
    device = get_device(network)
    image = normalise(pixels[None], source, device)
    below, above = _split_network(network, image)
    with torch.no_grad():
        features = below(image)
    features = features.expand(len(classes), *features.shape[1:]).clone().requires_grad_()
    target = torch.tensor(classes, device=device)
    if features.ndim == 4:
        # The hooks of captum go to a module of this call alone, never to a shared one.
        here = nn.Identity()
        method = LayerGradCam(nn.Sequential(here, *above), here)
        maps = method.attribute(features, target, relu_attributions=True)[:, 0]
        name = "Grad-CAM"
    else:
        tokens = InputXGradient(above).attribute(features, target).sum(2)
        side = isqrt(tokens.shape[1])
        maps = tokens[:, -(side**2) :].unflatten(1, (side, side)).relu()  # no class token
        name = "Gradient times activation of each patch"
    height, width = maps.shape[1:]
    return Attribution(maps.detach().cpu().numpy(), f"{name}, on {height} x {width} positions")


@torch.no_grad()
def _split_network(
    network: nn.Sequential, image: torch.Tensor
) -> tuple[nn.Sequential, nn.Sequential]:
    """The network in two, parted where the maps are taken."""
    modules = [module for stage in network.children() for module in stage.children()]
    shapes, features = [], image
    for module in modules:
        features = module(features)
        shapes.append(features.shape[1:])
    weighted = [i for i, m in enumerate(modules) if any(True for _ in m.parameters())]
    attention = [i for i in weighted if len(shapes[i]) == 2]
    if attention:
        at = max(i for i in attention if _has_attention(modules[i]))
        return nn.Sequential(*modules[:at]), nn.Sequential(*modules[at:])
    maps = [i for i in weighted if len(shapes[i]) == 3]
    at = max([i for i in maps if shapes[i][1] > 1] or maps)
    while shapes[at + 1] == shapes[at]:  # an activation belongs to its convolution
        at += 1
    return nn.Sequential(*modules[: at + 1]), nn.Sequential(*modules[at + 1 :])


def _has_attention(module: nn.Module) -> bool:
    return any(isinstance(part, nn.MultiheadAttention) for part in module.modules())
