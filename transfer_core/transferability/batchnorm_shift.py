"""Batch-norm shift: how far images move normalisation statistics from the stored ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import nn

from transfer_core.features.embedding import choose_batch_size, normalise
from transfer_core.networks.source_network import SourceNetwork

EPSILON = 1e-5  # added to variances, as normalisation layers do
BLUR_RADIUS_PIXELS = 2.0  # standard deviation, of the blurred reference photos


@torch.inference_mode()
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
    batch = choose_batch_size(source)
    with record_batchnorm_statistics(network) as distances:
        for start in range(0, len(pixels), batch):
            network.eval()(normalise(pixels[start : start + batch], source))
    return distances()


@contextmanager
def record_batchnorm_statistics(network: nn.Sequential) -> Iterator[Callable[[], dict[str, float]]]:
    """Record the statistics of all batches that pass through a network inside this context.

    Args:
        network: A `Sequential` of named stages.

    Yields:
        A function that returns each stage's distance, see `measure_batchnorm_shift`.
    """
    layers = {
        (stage_name, name): layer
        for stage_name, stage in network.named_children()
        for name, layer in stage.named_modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm)
    }
    moments = {key: _MomentsHook(layer) for key, layer in layers.items()}
    hooks = [layer.register_forward_pre_hook(moments[key]) for key, layer in layers.items()]

    def compute_distances() -> dict[str, float]:
        stages: dict[str, list[float]] = {}
        for (stage_name, _), moment in moments.items():
            stages.setdefault(stage_name, []).append(moment.compute_divergence())
        return {name: float(np.mean(values)) for name, values in stages.items()}

    try:
        yield compute_distances
    finally:
        for hook in hooks:
            hook.remove()


class _MomentsHook:
    """Forward pre-hook that accumulates mean and variance of a normalisation layer's inputs."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer
        self._count, self._mean, self._variance = 0, 0.0, 0.0

    def __call__(self, layer: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        (values,) = inputs
        over = (0, *range(2, values.ndim))  # all but the channels
        variance, mean = (moment.double() for moment in torch.var_mean(values, over, correction=0))
        count = values.numel() // values.shape[1]
        self._count += count
        # Combine the moments of two parts, after Chan, Golub and LeVeque 1983.
        weight, step = count / self._count, mean - self._mean
        self._mean = self._mean + weight * step
        self._variance = (
            (1 - weight) * self._variance + weight * variance + weight * (1 - weight) * step**2
        )

    def compute_divergence(self) -> float:
        mean, variance = self._mean, self._variance + EPSILON
        source_mean = self._layer.running_mean.double()
        source_variance = self._layer.running_var.double() + EPSILON
        ratio = (variance + (mean - source_mean) ** 2) / source_variance
        return (((source_variance / variance).log() + ratio - 1) / 2).mean().item()


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
        "source photos, not trained on": photos,
        "grey source photos": grey,
        "blurred source photos": _apply_filter(
            photos, ImageFilter.GaussianBlur(BLUR_RADIUS_PIXELS)
        ),
        "inverted source photos": 255 - photos,
        "outlines of source photos": _apply_filter(photos, ImageFilter.FIND_EDGES),
        "pure noise": noise,
    }


def _apply_filter(photos: np.ndarray, kernel: ImageFilter.Filter) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(photo).filter(kernel)) for photo in photos])
