"""What every stage of a network makes of one image: feature maps, and the classes at the end."""

from dataclasses import dataclass
from math import isqrt

import numpy as np
import torch
from torch import nn

from transfer_core.features import normalise
from transfer_core.networks import HEAD, AllStagesNetwork, SourceNetwork, pool_features
from transfer_core.system import get_device


@dataclass(frozen=True)
class StageMaps:
    """The output of one stage for one image."""

    name: str  # of the stage
    title: str  # for people
    sees: str  # what the stage responds to, for people
    maps: np.ndarray  # float32 (C, h, w); h = w = 1 where the stage has left the positions behind

    @property
    def has_positions(self) -> bool:
        """Whether its channels are maps, and not single numbers."""
        return self.maps.shape[1] > 1

    @property
    def peaks(self) -> np.ndarray:
        """The highest activation of each channel, float32 (C,)."""
        return self.maps.max(axis=(1, 2))

    def rank_channels(self) -> np.ndarray:
        """Return the channels by their highest activation, strongest first, int64 (C,)."""
        return np.argsort(-self.peaks, kind="stable")

    def normalise_map(self, channel: int) -> np.ndarray:
        """Return where a channel is excited, relative to its own maximum; float32 (h, w) in [0, 1].

        Activations below 0 count as 0. A channel that nothing excites stays 0.
        """
        excited = np.maximum(self.maps[channel], 0)
        return excited / max(float(excited.max()), 1e-12)


@dataclass(frozen=True)
class ForwardPass:
    """One image on its way through a network."""

    stages: tuple[StageMaps, ...]  # input to output, without the layer that names the classes
    probabilities: np.ndarray  # of the classes of the last layer, float32 (C,)


@torch.inference_mode()
def run_forward(network: nn.Sequential, source: SourceNetwork, pixels: np.ndarray) -> ForwardPass:
    """Send one image through a network and keep what every stage makes of it.

    Args:
        network: The source network, or one adapted from it; in eval mode, others may use it.
        source: Describes the stages and the normalisation.
        pixels: uint8, shape (H, W, 3), of the network's input size.
    """
    features = normalise(pixels[None], source, get_device(network))
    described = {stage.name: stage for stage in source.stages}
    stages, pooled, names = [], [], [name for name, _ in network.named_children()]
    for name in names[:-1]:
        features = network.get_submodule(name)(features)
        if isinstance(network, AllStagesNetwork):
            pooled.append(pool_features(features))
        stage = described[name]
        maps = arrange_maps(features)[0].float().cpu().numpy()
        stages.append(StageMaps(name, stage.title, stage.sees, maps))
    read = torch.cat(pooled, 1) if pooled else features
    logits = network.get_submodule(names[-1])(read)
    return ForwardPass(tuple(stages), torch.softmax(logits.float(), 1)[0].cpu().numpy())


def arrange_maps(features: torch.Tensor) -> torch.Tensor:
    """Arrange the output of a stage as maps (B, C, h, w).

    Maps (B, C, H, W) stay as they are. Tokens (B, T, D) are arranged as the patches that they
    stand for; the class token and its kind, which come first, are left out. Vectors (B, D) become
    maps of one pixel.
    """
    if features.ndim == 4:
        return features
    if features.ndim == 2:
        return features[:, :, None, None]
    side = isqrt(features.shape[1])
    return features[:, -(side**2) :].transpose(1, 2).unflatten(2, (side, side))


def extract_first_filters(network: nn.Module) -> tuple[np.ndarray, ...]:
    """Return the filters of the first convolution as images, each uint8 (k, k, 3).

    Each filter is scaled to its own lowest and highest weight. Empty if the network has no
    convolution that reads colours.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3 and module.groups == 1:
            weights = module.weight.detach().float().cpu().numpy().transpose(0, 2, 3, 1)
            low = weights.min(axis=(1, 2, 3), keepdims=True)
            span = np.maximum(weights.max(axis=(1, 2, 3), keepdims=True) - low, 1e-12)
            return tuple(((weights - low) / span * 255).round().astype(np.uint8))
    return ()


def list_last_classes(network: nn.Sequential, source: SourceNetwork) -> tuple[str, ...]:
    """Return the class names of the source network's last layer; none where it gives features.

    Raises:
        ValueError: If the network was adapted: then its run knows the classes.
    """
    if HEAD in dict(network.named_children()):
        raise ValueError("an adapted network has the classes of its run")
    return tuple(source.card["classes"]) if source.knows_classes else ()
