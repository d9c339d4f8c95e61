"""Compute embeddings: one forward pass per image through the frozen stages."""

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import torch
from torch import nn

from transfer_core.dataset import PixelArray, iter_batches
from transfer_core.networks import SourceNetwork, pool_features
from transfer_core.system import (
    Progress,
    StopRequested,
    copy_to_device,
    get_device,
    ignore_progress,
)

MAX_BATCH_SIZE = 32  # images; small enough that the allocator reuses the memory of outputs
MAX_BATCH_PIXELS = 16 * 224 * 224  # in a batch, so that outputs stay below about a gigabyte


def choose_batch_size(source: SourceNetwork) -> int:
    """Return the batch size in images for a forward pass without learning."""
    return max(1, min(MAX_BATCH_SIZE, MAX_BATCH_PIXELS // source.input_size**2))


def normalise(
    pixels: np.ndarray, source: SourceNetwork, device: torch.device | None = None
) -> torch.Tensor:
    """Turn pixels into a network's normalised inputs.

    Args:
        pixels: uint8, shape (B, H, W, 3).
        source: Its mean and standard deviation are applied.
        device: Device that computes and holds the result; None is the processor.

    Returns:
        float32, shape (B, 3, H, W), channels last in memory.
    """
    images = copy_to_device(pixels, device).permute(0, 3, 1, 2)
    mean, std = (
        torch.tensor(v, device=images.device).view(1, 3, 1, 1) for v in (source.mean, source.std)
    )
    # One multiplication and one addition a pixel: (x / 255 - mean) / std.
    return images * (1 / 255 / std) - mean / std


@torch.inference_mode()
def embed(
    network: nn.Sequential,
    pixels: np.ndarray | PixelArray,
    source: SourceNetwork,
    stages: tuple[str, ...],
    *,
    indices: np.ndarray | None = None,
    preprocess: Callable[[np.ndarray, SourceNetwork, torch.device], torch.Tensor] = normalise,
    progress: Progress = ignore_progress,
    stop_requested: StopRequested | None = None,
) -> dict[str, np.ndarray]:
    """Compute the pooled outputs of stages for images, in eval mode, on the network's device.

    They are float32 on every machine: answers and results rest on them.

    Args:
        network: Its children are named stages; it runs as far as the last wanted stage.
        pixels: uint8, shape (N, H, W, 3). A `PixelArray` decodes missing images while the
            network computes, and caches them.
        source: Describes the normalisation.
        stages: Names of the stages whose pooled output is wanted.
        indices: Indices of the wanted images, int64 (M,); None for all.
        preprocess: Turns pixels into the network's inputs.
        progress: Called with the work, images done and total; may raise to end the work.
        stop_requested: Asked while images are decoded.

    Returns:
        float32 of shape (N, D), or (M, D), by stage; D depends on the stage.

    Raises:
        WorkStopped: If `stop_requested` said so.
    """
    outputs: dict[str, list[np.ndarray]] = {name: [] for name in stages}
    done, total = 0, len(pixels) if indices is None else len(indices)
    with closing(
        iter_batches(pixels, choose_batch_size(source), indices, stop_requested)
    ) as batches:
        for batch in batches:
            inputs = preprocess(batch, source, get_device(network))
            for name, features in _run_stages(network, inputs, stages):
                outputs[name].append(pool_features(features).float().cpu().numpy())
            done += len(batch)
            progress("Embedding images", done, total)
    return {name: np.concatenate(parts) for name, parts in outputs.items()}


def _run_stages(
    network: nn.Sequential, features: torch.Tensor, stages: tuple[str, ...]
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the names and outputs of the wanted stages."""
    missing = set(stages)
    for name, stage in network.eval().named_children():
        features = stage(features)
        if name in missing:
            yield name, features
            missing.remove(name)
        if not missing:
            return
