"""Attribution maps: the parts of an image that count as evidence for a class."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Literal

import numpy as np
import torch
from captum.attr import InputXGradient, LayerGradCam
from torch import nn
from torch.nn import functional

from transfer_core.features import normalise
from transfer_core.inspection.attribution_split import split_network
from transfer_core.languages import N_, _
from transfer_core.networks import AllStagesNetwork, SourceNetwork
from transfer_core.system import get_device


@dataclass(frozen=True)
class Attribution:
    """Evidence for several classes at each position of one image."""

    maps: np.ndarray  # float32 (K, h, w), at least 0; a map per class, a cell per feature position
    method: Literal["Grad-CAM", "gradient times activation"]
    skips_stages: bool  # whether the new layer reads stages of which nothing is shown

    def describe(self) -> str:
        """Say in a sentence what the maps are, with the method's name in brackets."""
        rows, columns = self.maps.shape[1:]
        if self.method == "Grad-CAM":
            words = N_(
                "Where the last maps speak for the class (Grad-CAM), on {rows} x {columns} "
                "positions."
            )
        else:
            words = N_(
                "How much each patch speaks for the class (gradient times activation), on {rows} x "
                "{columns} positions."
            )
        told = _(words, rows=rows, columns=columns)
        if not self.skips_stages:
            return told
        return told + " " + _("They show the last stage with maps; other evidence is not shown.")

    def upsample(self, size: int) -> np.ndarray:
        """Return the maps at the size of the network's input, float32 (K, size, size).

        Each map is divided by its maximum; a map without any evidence stays 0.
        """
        maps = torch.from_numpy(self.maps)[None]
        maps = functional.interpolate(maps, (size, size), mode="bilinear")[0].numpy()
        highest = maps.max(axis=(1, 2), keepdims=True)
        return maps / np.where(highest > 0, highest, 1)


def compute_attribution(
    network: nn.Sequential, source: SourceNetwork, pixels: np.ndarray, classes: Sequence[int]
) -> Attribution:
    """Compute attribution maps of one image for several classes.

    Args:
        network: A trained network in eval mode; it may be used by others meanwhile.
        source: Describes the normalisation.
        pixels: uint8, shape (H, W, 3), of the network's input size.
        classes: K class indices.

    Source:
        Feature maps: Grad-CAM (Selvaraju et al. 2017) at the output of the last layer with
        feature maps, before pooling. Tokens: gradient times activation of each patch
        (Shrikumar et al. 2016) at the input of the last attention layer; later layers see
        the class token only. Negative evidence is set to 0.
    """
    device = get_device(network)
    image = normalise(pixels[None], source, device)
    below, above = split_network(network, image)
    with torch.no_grad():
        features = below(image)
    features = features.expand(len(classes), *features.shape[1:]).clone().requires_grad_()
    target = torch.tensor(classes, device=device)
    if features.ndim == 4:
        # Captum hooks a module of this call only, never one of the shared network.
        hooked = nn.Identity()
        grad_cam = LayerGradCam(nn.Sequential(hooked, above), hooked)
        maps = grad_cam.attribute(features, target, relu_attributions=True)[:, 0]
        method = "Grad-CAM"
    else:
        tokens = InputXGradient(above).attribute(features, target).sum(2)
        side = isqrt(tokens.shape[1])
        maps = tokens[:, -(side**2) :].unflatten(1, (side, side)).relu()  # no class token
        method = "gradient times activation"
    skips_stages = isinstance(network, AllStagesNetwork)
    return Attribution(maps.detach().cpu().numpy(), method, skips_stages)
