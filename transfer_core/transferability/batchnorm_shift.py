"""Batch-norm shift: how far images move normalisation statistics from the stored ones."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import nn

from transfer_core.features import embed
from transfer_core.languages import N_
from transfer_core.networks import SourceNetwork

EPSILON = 1e-5  # added to variances, as normalisation layers do
MOMENTS = "batchnorm_moments"  # name of the stage that is appended
CHUNK_IMAGES = 256  # images whose moments are in memory at a time: a few hundred kB each
BLUR_RADIUS_PIXELS = 2.0  # standard deviation, of the blurred reference photos


def measure_batchnorm_shift(
    network: nn.Sequential, pixels: np.ndarray, source: SourceNetwork
) -> dict[str, float]:
    """Measure the shift of each stage's normalisation statistics.

    Per channel: the Kullback-Leibler divergence in nats between a normal distribution with the
    images' mean and variance and one with the stored running mean and variance. Per stage: the
    mean over its channels and layers. 0 means alike; photos of unseen classes give a few
    hundredths.

    Args:
        network: A `Sequential` of named stages. It is run in eval mode and not changed.
        pixels: uint8, shape (N, H, W, 3).
        source: Describes the normalisation.

    Returns:
        Distance of each stage with batch norm, at least 0.

    Source:
        The divergence of two normal distributions, as used to compare batch
        normalisation statistics in Li et al. 2017, "Revisiting batch
        normalization for practical domain adaptation".
    """
    with _append_moments(network) as (observed, meter):
        for start in range(0, len(pixels) if meter.layers else 0, CHUNK_IMAGES):
            chunk = pixels[start : start + CHUNK_IMAGES]
            meter.add(embed(observed, chunk, source, (MOMENTS,))[MOMENTS])
        return meter.compute_distances()


@contextmanager
def _append_moments(network: nn.Sequential) -> Iterator[tuple[nn.Sequential, "_ShiftMeter"]]:
    """Yield the network with one more stage, `MOMENTS`, and a meter of its outputs."""
    layers = {
        (stage_name, name): layer
        for stage_name, stage in network.named_children()
        for name, layer in stage.named_modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm)
    }
    moments = _MomentsStage()
    hooks = [
        layer.register_forward_pre_hook(partial(moments.record, number))
        for number, layer in enumerate(layers.values())
    ]
    try:
        yield (
            nn.Sequential(OrderedDict([*network.named_children(), (MOMENTS, moments)])),
            _ShiftMeter(layers),
        )
    finally:
        for hook in hooks:
            hook.remove()


class _MomentsStage(nn.Module):
    """A last stage that returns the moments of every normalisation layer's inputs."""

    def __init__(self) -> None:
        super().__init__()
        self._recorded: dict[int, torch.Tensor] = {}  # of this pass, by number of the layer

    def record(self, number: int, layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        """Forward pre-hook: mean and mean square of each channel's distance to the stored mean."""
        values = inputs[0].transpose(1, -1) - layer.running_mean
        over = tuple(range(1, values.ndim - 1))
        moments = [m.mean(over) if over else m for m in (values, values * values)]
        self._recorded[number] = torch.cat(moments, 1)

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        """Return the moments of each image, (B, 2 * channels of all layers)."""
        moments = torch.cat([self._recorded[number] for number in sorted(self._recorded)], 1)
        self._recorded.clear()
        return moments


class _ShiftMeter:
    """Adds up the moments of images, and compares them with the stored statistics."""

    def __init__(self, layers: dict[tuple[str, str], nn.Module]) -> None:
        self.layers = layers  # by stage and path, in the order of their numbers
        self._sum, self._images = 0.0, 0

    def add(self, moments: np.ndarray) -> None:
        """Add the output of `_MomentsStage`, float32 (N, M)."""
        self._sum = self._sum + moments.sum(0, dtype=np.float64)
        self._images += len(moments)

    def compute_distances(self) -> dict[str, float]:
        """Return each stage's distance, see `measure_batchnorm_shift`."""
        stages: dict[str, list[float]] = {}
        start = 0
        for (stage_name, _), layer in self.layers.items():
            size = layer.num_features
            mean, square = (self._sum / self._images)[start : start + 2 * size].reshape(2, size)
            source_variance = layer.running_var.double().cpu().numpy() + EPSILON
            variance = np.maximum(square - mean**2, 0) + EPSILON
            divergence = np.log(source_variance / variance) + (square + EPSILON) / source_variance
            stages.setdefault(stage_name, []).append(float((divergence - 1).mean() / 2))
            start += 2 * size
        return {name: float(np.mean(values)) for name, values in stages.items()}


def select_early_distance(
    distances: dict[str, float], early_stages: tuple[str, ...]
) -> float | None:
    """Return the distance of the last early stage, where higher-level features are.

    Args:
        distances: From `measure_batchnorm_shift`.
        early_stages: Names of the early stages, input to output.

    Returns:
        None for a network without batch norm.
    """
    return next((distances[name] for name in reversed(early_stages) if name in distances), None)


def measure_reference_distances(
    network: nn.Sequential, photos: np.ndarray, source: SourceNetwork
) -> list[dict[str, str | float]]:
    """Measure distances of known image sets, for comparison.

    Args:
        network: The source network with its pre-trained weights.
        photos: Held-out source photos, uint8 (N, H, W, 3).
        source: Describes its stages and normalisation.

    Returns:
        Dictionaries with "name" and "distance", nearest first.
    """
    references = [
        {
            "name": name,
            "distance": round(
                select_early_distance(
                    measure_batchnorm_shift(network, changed, source), source.early
                ),
                4,
            ),
        }
        for name, changed in _make_variants(photos).items()
    ]
    return sorted(references, key=lambda each: each["distance"])


def _make_variants(photos: np.ndarray) -> dict[str, np.ndarray]:
    grey = photos.mean(axis=3, keepdims=True).astype(np.uint8).repeat(3, axis=3)
    noise = np.random.default_rng(0).integers(0, 256, photos.shape, dtype=np.uint8)
    return {
        N_("source photos, not trained on"): photos,
        N_("grey source photos"): grey,
        N_("blurred source photos"): _apply_filter(
            photos, ImageFilter.GaussianBlur(BLUR_RADIUS_PIXELS)
        ),
        N_("inverted source photos"): 255 - photos,
        N_("outlines of source photos"): _apply_filter(photos, ImageFilter.FIND_EDGES),
        N_("pure noise"): noise,
    }


def _apply_filter(photos: np.ndarray, kernel: ImageFilter.Filter) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(photo).filter(kernel)) for photo in photos])
