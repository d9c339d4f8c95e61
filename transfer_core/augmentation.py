"""Random crops, mirroring and colour changes, on whole batches of training images."""

import numpy as np
import torch
from torch.nn import functional

from transfer_core.networks.catalog import SourceNetwork

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
) -> torch.Tensor:
    """Randomly cropped, mirrored and recoloured images, normalised for the network.

    Args:
        pixels: uint8, shape (B, H, W, 3).
        source: Describes the normalisation.
        size: Side of the result in pixels; crops are resampled to it.
        generator: All randomness comes from it.
        mirror: Whether half of the images are mirrored, left to right.

    Returns:
        float32, shape (B, 3, size, size), channels last in memory.

    Source:
        Random-resized crops after Szegedy et al. 2015, "Going Deeper with
        Convolutions", section 6, with a larger smallest area.
    """
    images = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float().div_(255)
    grid = functional.affine_grid(
        _crops(len(images), generator, mirror), (len(images), 3, size, size), align_corners=False
    )
    images = functional.grid_sample(images, grid, align_corners=False, padding_mode="reflection")
    return _normalised(_recoloured(images, generator), source)


def _crops(count: int, generator: torch.Generator, mirror: bool) -> torch.Tensor:
    """Affine maps, shape (B, 2, 3), from the result's to the image's coordinates."""

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.empty(count).uniform_(low, high, generator=generator)

    area = uniform(SMALLEST_AREA, 1)
    ratio = uniform(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0] = width
    if mirror:
        maps[:, 0, 0] *= torch.where(uniform(0, 1) < 0.5, -1, 1)
    maps[:, 1, 1] = height
    maps[:, 0, 2] = uniform(-1, 1) * (1 - width)
    maps[:, 1, 2] = uniform(-1, 1) * (1 - height)
    return maps


def _recoloured(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """New brightness, contrast and saturation, one affine map of colours per image.

    With grey g, mean m and factors s, c, b the result is
    b (m + c (g + s (x - g) - m)); as the mean of g is m, m needs no second pass.
    """

    def factor(change: float) -> torch.Tensor:
        factors = torch.empty(len(images), 1, 1, 1)
        return factors.uniform_(1 - change, 1 + change, generator=generator)

    saturation = factor(SATURATION)
    grey_only = torch.rand(len(images), 1, 1, 1, generator=generator) < GREY
    saturation = saturation.masked_fill(grey_only, 0)
    contrast, brightness = factor(COLOUR), factor(COLOUR)
    grey = images.mean(dim=1, keepdim=True)
    mean = grey.mean(dim=(2, 3), keepdim=True)
    scale = brightness * contrast
    images = images * (scale * saturation)
    images += grey * (scale * (1 - saturation)) + mean * (brightness - scale)
    return images.clamp_(0, 1)


def _normalised(images: torch.Tensor, source: SourceNetwork) -> torch.Tensor:
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (source.mean, source.std))
    return (images * (1 / std) - mean / std).contiguous(memory_format=torch.channels_last)
