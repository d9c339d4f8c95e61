"""Random crops, mirroring and colour changes, on whole batches of training images."""

import numpy as np
import torch
from torch.nn import functional

from transfer_core.networks.catalog import SourceNetwork
from transfer_core.system.devices import sent

SMALLEST_AREA = 0.4  # of the image, kept by a crop
LARGEST_LOG_RATIO = 0.22  # of a crop's width to its height, natural logarithm
COLOUR = 0.25  # largest relative change of brightness and contrast
SATURATION = 0.3  # largest relative change of saturation
GREY = 0.05  # share of images turned grey


def augment(
    pixels: np.ndarray,
    source: SourceNetwork,
    size: int,
    generator: torch.Generator,
    *,
    mirror: bool = True,
    device: torch.device | None = None,
) -> torch.Tensor:
    """Randomly cropped, mirrored and recoloured images, normalised for the network.

    Args:
        pixels: uint8, shape (B, H, W, 3).
        source: Describes the normalisation.
        size: Side of the result in pixels; crops are resampled to it.
        generator: All randomness comes from it; it is one of the processor's.
        mirror: Whether half of the images are mirrored, left to right.
        device: Where the result shall lie, and is computed; None is the processor.

    Returns:
        float32, shape (B, 3, size, size), channels last in memory.

    Source:
        Random-resized crops after Szegedy et al. 2015, "Going Deeper with
        Convolutions", section 6, with a larger smallest area.
    """
    images = sent(pixels, device).permute(0, 3, 1, 2).float()
    grid = _grid(_crops(len(images), generator, mirror).to(images.device), size)
    images = functional.grid_sample(images, grid, align_corners=False, padding_mode="reflection")
    factors = (factor.to(images.device) for factor in _colour_factors(len(images), generator))
    return _recoloured(images.div_(255), *factors, source)


def _crops(count: int, generator: torch.Generator, mirror: bool) -> torch.Tensor:
    """Scale and centre of each crop across and down, (B, 2, 2); the image reaches from -1 to 1."""

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.empty(count).uniform_(low, high, generator=generator)

    area = uniform(SMALLEST_AREA, 1)
    ratio = uniform(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    across = torch.where(uniform(0, 1) < 0.5, -width, width) if mirror else width
    centres = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    return torch.stack((torch.stack((across, height), 1), torch.stack(centres, 1)), 2)


def _grid(crops: torch.Tensor, size: int) -> torch.Tensor:
    """Where each pixel of the result lies in the image, (B, size, size, 2)."""
    steps = (torch.arange(size, device=crops.device) * 2 + 1) / size - 1
    places = crops[:, :, :1] * steps + crops[:, :, 1:]
    grid = torch.empty(len(crops), size, size, 2, device=crops.device)
    grid[..., 0] = places[:, 0, None, :]
    grid[..., 1] = places[:, 1, :, None]
    return grid


def _colour_factors(count: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Factors of saturation, contrast and brightness, each (B, 1, 1)."""

    def factor(change: float) -> torch.Tensor:
        return torch.empty(count, 1, 1).uniform_(1 - change, 1 + change, generator=generator)

    saturation = factor(SATURATION)
    grey_only = torch.rand(count, 1, 1, generator=generator) < GREY
    return saturation.masked_fill(grey_only, 0), factor(COLOUR), factor(COLOUR)


def _recoloured(images: torch.Tensor, saturation, contrast, brightness, source) -> torch.Tensor:
    """New saturation, contrast and brightness, one affine map of colours per image; normalised.

    With grey g, mean m and factors s, c, b the result is
    b (m + c (g + s (x - g) - m)); as the mean of g is m, m needs no second pass.
    """
    grey = images.mean(dim=1)
    mean = grey.mean(dim=(1, 2), keepdim=True)
    scale = brightness * contrast
    offset = grey * (scale * (1 - saturation)) + mean * (brightness - scale)
    result = torch.empty_like(images, memory_format=torch.channels_last)
    # By colour: each is one plane before and one stride after, and small enough for the cache.
    for colour, (centre, spread) in enumerate(zip(source.mean, source.std, strict=True)):
        plane = torch.addcmul(offset, images[:, colour], scale * saturation).clamp_(0, 1)
        result[:, colour] = plane.sub_(centre).div_(spread)
    return result
