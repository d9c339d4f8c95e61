"""Augmentation: random crops, flips and colour jitter on whole batches of training images."""

import numpy as np
import torch
from torch.nn import functional

from transfer_core.networks import SourceNetwork
from transfer_core.system import copy_to_device

MIN_CROP_AREA = 0.4  # smallest crop, as a share of the image
MAX_LOG_ASPECT_RATIO = 0.22  # natural logarithm of a crop's width over its height
MAX_BRIGHTNESS_CONTRAST_CHANGE = 0.25  # largest relative change of brightness and contrast
MAX_SATURATION_CHANGE = 0.3  # largest relative change of saturation
GREYSCALE_PROBABILITY = 0.05  # share of images turned grey


def augment(
    pixels: np.ndarray,
    source: SourceNetwork,
    size: int,
    generator: torch.Generator,
    *,
    horizontal_flip: bool = True,
    device: torch.device | None = None,
    drawn: int | None = None,
    part: slice = slice(None),
) -> torch.Tensor:
    """Crop, flip and recolour images at random, and normalise them for the network.

    Args:
        pixels: uint8, shape (B, H, W, 3).
        source: Describes the normalisation.
        size: Side of the result in pixels; crops are resampled to it.
        generator: Draws all random numbers; a generator of the processor.
        horizontal_flip: Whether half of the images are mirrored, left to right.
        device: Device that computes and holds the result; None is the processor.
        drawn: Images that numbers are drawn for; None for as many as there are.
        part: Which of those images `pixels` are.

    Returns:
        float32, shape (B, 3, size, size), channels last in memory.

    Source:
        Random-resized crops after Szegedy et al. 2015, "Going Deeper with
        Convolutions", section 6, with a larger smallest area.
    """
    images = copy_to_device(pixels, device).permute(0, 3, 1, 2).float()
    drawn = len(images) if drawn is None else drawn
    crops = _sample_crops(drawn, generator, horizontal_flip)[part]
    grid = _build_sampling_grid(crops.to(images.device), size)
    images = functional.grid_sample(images, grid, align_corners=False, padding_mode="reflection")
    factors = (
        factor[part].to(images.device) for factor in _sample_colour_factors(drawn, generator)
    )
    return _apply_colour_jitter(images.div_(255), *factors, source)


def _sample_crops(count: int, generator: torch.Generator, horizontal_flip: bool) -> torch.Tensor:
    """Draw each crop's scale and centre, across and down, (B, 2, 2); images span -1 to 1."""

    def sample_uniform(low: float, high: float) -> torch.Tensor:
        return torch.empty(count).uniform_(low, high, generator=generator)

    area = sample_uniform(MIN_CROP_AREA, 1)
    ratio = sample_uniform(-MAX_LOG_ASPECT_RATIO, MAX_LOG_ASPECT_RATIO).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    across = torch.where(sample_uniform(0, 1) < 0.5, -width, width) if horizontal_flip else width
    centres = sample_uniform(-1, 1) * (1 - width), sample_uniform(-1, 1) * (1 - height)
    return torch.stack((torch.stack((across, height), 1), torch.stack(centres, 1)), 2)


def _build_sampling_grid(crops: torch.Tensor, size: int) -> torch.Tensor:
    """Return the image coordinates of each pixel of the result, (B, size, size, 2)."""
    steps = (torch.arange(size, device=crops.device) * 2 + 1) / size - 1
    places = crops[:, :, :1] * steps + crops[:, :, 1:]
    grid = torch.empty(len(crops), size, size, 2, device=crops.device)
    grid[..., 0] = places[:, 0, None, :]
    grid[..., 1] = places[:, 1, :, None]
    return grid


def _sample_colour_factors(count: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Draw factors of saturation, contrast and brightness, each (B, 1, 1)."""

    def sample_factor(change: float) -> torch.Tensor:
        return torch.empty(count, 1, 1).uniform_(1 - change, 1 + change, generator=generator)

    saturation = sample_factor(MAX_SATURATION_CHANGE)
    grey_only = torch.rand(count, 1, 1, generator=generator) < GREYSCALE_PROBABILITY
    return (
        saturation.masked_fill(grey_only, 0),
        sample_factor(MAX_BRIGHTNESS_CONTRAST_CHANGE),
        sample_factor(MAX_BRIGHTNESS_CONTRAST_CHANGE),
    )


def _apply_colour_jitter(
    images: torch.Tensor, saturation, contrast, brightness, source
) -> torch.Tensor:
    """Change saturation, contrast and brightness by one affine map per image, then normalise.

    With grey g, mean m and factors s, c, b the result is
    b (m + c (g + s (x - g) - m)). The mean of g is m, so that m needs no second pass.
    """
    grey = images.mean(dim=1)
    mean = grey.mean(dim=(1, 2), keepdim=True)
    scale = brightness * contrast
    offset = grey * (scale * (1 - saturation)) + mean * (brightness - scale)
    result = torch.empty_like(images, memory_format=torch.channels_last)
    # One colour at a time: a plane is small enough for the processor's cache.
    for colour, (centre, spread) in enumerate(zip(source.mean, source.std, strict=True)):
        plane = torch.addcmul(offset, images[:, colour], scale * saturation).clamp_(0, 1)
        result[:, colour] = plane.sub_(centre).div_(spread)
    return result
