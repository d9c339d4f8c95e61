"""An image made by optimisation: what a channel of a network responds to most."""

import copy

import numpy as np
import torch
from torch import nn

from transfer_core.inspection.feature_maps import arrange_maps
from transfer_core.networks import SourceNetwork, find_batch_norms
from transfer_core.system import get_device, make_generator

STEPS = 32  # of the optimiser
LEARNING_RATE = 0.25  # of Adam, on frequencies
MAX_SIDE = 96  # pixels; a convolutional stage also takes an image smaller than its network's
MAX_SHIFT = 4  # pixels by which the image is moved at random before each step
SMOOTHNESS = 1.0  # weight of the differences of neighbouring pixels
CONTRAST = 0.2  # standard deviation of the first random image, before it is squashed
LEAK = 0.1  # slope below 0 of the last ReLU, so that a channel at rest can be woken


def make_exciting_image(
    network: nn.Sequential,
    source: SourceNetwork,
    stage: str,
    channel: int,
    *,
    seed: int = 0,
    steps: int = STEPS,
) -> np.ndarray:
    """Make an image that excites one channel, by gradient ascent from random noise.

    The mean of the channel's map is maximised. The image is described by its frequencies, the low
    ones weighted more; before each step it is moved by a few pixels, and differences of
    neighbouring pixels cost. Without these three the result is noise that only the network sees.

    Args:
        network: The source network, or one adapted from it; in eval mode. It is not changed.
        source: Describes the normalisation and the input size.
        stage: Name of the stage.
        channel: A channel of its output.
        seed: Draws the first image and the movements.
        steps: Of the optimiser, at least 1.

    Returns:
        uint8, shape (S, S, 3), its contrast stretched.

    Source:
        Erhan et al. 2009, "Visualizing higher-layer features of a deep network"; the frequencies
        and the movements as Olah et al. 2017, "Feature visualization".
    """
    device, generator = get_device(network), make_generator(seed)
    part = _copy_through(network, stage)
    side = _choose_side(part, source)
    weights = _weigh_frequencies(side).to(device)
    spectrum = torch.randn(3, *weights.shape, 2, generator=generator).to(device)
    spectrum.mul_(CONTRAST / _draw(spectrum, weights, side).std()).requires_grad_()
    optimiser = torch.optim.Adam([spectrum], LEARNING_RATE * spectrum.detach().abs().mean().item())
    mean, std = (
        torch.tensor(values, device=device).view(3, 1, 1) for values in (source.mean, source.std)
    )
    for _ in range(steps):
        image = torch.sigmoid(_draw(spectrum, weights, side))
        shift = torch.randint(-MAX_SHIFT, MAX_SHIFT + 1, (2,), generator=generator).tolist()
        moved = image.roll(shift, (1, 2))
        maps = arrange_maps(part(((moved - mean) / std)[None]))
        loss = SMOOTHNESS * _measure_roughness(image) - maps[0, channel].mean()
        (spectrum.grad,) = torch.autograd.grad(loss, [spectrum])
        optimiser.step()
    with torch.no_grad():
        image = _stretch(torch.sigmoid(_draw(spectrum, weights, side)))
    return (image * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def _copy_through(network: nn.Sequential, stage: str) -> nn.Sequential:
    """Copy the stages up to one, whose last ReLU lets small gradients through."""
    names = [name for name, _ in network.named_children()]
    part = copy.deepcopy(nn.Sequential(*list(network)[: names.index(stage) + 1])).eval()
    part.requires_grad_(False)
    last = part[-1]
    rectifiers = [n for n, m in last.named_modules() if isinstance(m, (nn.ReLU, nn.ReLU6))]
    if rectifiers:
        parent, _, name = rectifiers[-1].rpartition(".")
        setattr(last.get_submodule(parent), name, nn.LeakyReLU(LEAK))
    return part


@torch.no_grad()
def _choose_side(part: nn.Sequential, source: SourceNetwork) -> int:
    """Return the side of the image: a small one is quicker, if the stages take it."""
    if source.input_size <= MAX_SIDE or not find_batch_norms(part):
        return source.input_size
    image = torch.zeros(1, 3, MAX_SIDE, MAX_SIDE, device=get_device(part))
    try:
        part(image)
        return MAX_SIDE
    except (RuntimeError, AssertionError):
        return source.input_size


def _weigh_frequencies(side: int) -> torch.Tensor:
    """Return weights that give each octave of frequencies the same share, (side, side // 2 + 1)."""
    vertical = torch.fft.fftfreq(side)[:, None]
    horizontal = torch.fft.rfftfreq(side)[None]
    frequency = (vertical**2 + horizontal**2).sqrt()
    return 1 / frequency.clamp(min=1 / side)


def _draw(spectrum: torch.Tensor, weights: torch.Tensor, side: int) -> torch.Tensor:
    """Turn frequencies into an image of unbounded values, (3, side, side)."""
    complex_values = torch.view_as_complex(spectrum) * weights
    return torch.fft.irfft2(complex_values, s=(side, side), norm="ortho")


def _measure_roughness(image: torch.Tensor) -> torch.Tensor:
    """Return the mean difference of neighbouring pixels (total variation)."""
    return image.diff(dim=1).abs().mean() + image.diff(dim=2).abs().mean()


def _stretch(image: torch.Tensor) -> torch.Tensor:
    """Stretch the contrast, so that all but the outermost hundredths fill [0, 1]."""
    low, high = torch.quantile(image, torch.tensor([0.01, 0.99], device=image.device))
    return ((image - low) / (high - low).clamp(min=1e-3)).clamp(0, 1)
