"""Recommend a network for a number of images on this computer."""

import time

from transfer_core.networks.source_network import SourceNetwork

MAX_EMBEDDING_SECONDS = 120  # for every image once
MEASUREMENT_SECONDS = 0.3


def recommend_network(
    networks: tuple[SourceNetwork, ...], images: int, speed: float
) -> SourceNetwork | None:
    """Return the network with the best ImageNet accuracy among those that are fast enough.

    A network that is better on ImageNet is mostly better after transfer too.

    Args:
        networks: Candidates; those without an ImageNet accuracy are left out.
        images: Number of images to embed.
        speed: Result of `measure_operations_per_second`.

    Returns:
        None if every candidate would take longer than two minutes.

    Source:
        Kornblith, Shlens and Le 2019, "Do better ImageNet models transfer better?".
    """
    fitting = [
        network
        for network in networks
        if "accuracy" in network.card
        and estimate_embedding_seconds(network, images, speed) <= MAX_EMBEDDING_SECONDS
    ]
    return max(fitting, key=lambda network: network.card["accuracy"], default=None)


def estimate_embedding_seconds(network: SourceNetwork, images: int, speed: float) -> float:
    """Estimate the least time to embed images; networks of many thin layers take longer."""
    return images * network.card["operations"] / speed


def measure_operations_per_second() -> float:
    """Measure how many billion multiply-adds a second a convolution does on this computer."""
    import torch

    convolution = torch.nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last)
    images = torch.zeros(4, 64, 56, 56).contiguous(memory_format=torch.channels_last)
    operations = len(images) * 64 * 64 * 3 * 3 * 56 * 56 / 1e9
    with torch.inference_mode():
        convolution(images)  # the first call prepares
        began, calls = time.perf_counter(), 0
        while time.perf_counter() - began < MEASUREMENT_SECONDS:
            convolution(images)
            calls += 1
    return calls * operations / (time.perf_counter() - began)
