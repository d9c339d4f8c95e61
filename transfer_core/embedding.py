"""Embed once: one forward pass per image, kept on disk, so frozen stages never run twice."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from transfer_core.networks.catalog import SourceNetwork
from transfer_core.surgery import pooled

BATCH = 128  # images
SHRINKAGE = 0.1  # share of the mean variance that is added to each feature's variance

Progress = Callable[[int, int], None]  # images done, images in all


def normalise(pixels: np.ndarray, source: SourceNetwork) -> torch.Tensor:
    """Turn pixels into what the network takes.

    Args:
        pixels: uint8, shape (B, H, W, 3).
        source: Its mean and standard deviation are applied.

    Returns:
        float32, shape (B, 3, H, W), channels last in memory.
    """
    # A copy, since the pixel cache is read-only and tensors are not.
    images = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (source.mean, source.std))
    # One multiplication and one addition a pixel: (x / 255 - mean) / std.
    return images * (1 / 255 / std) - mean / std


@torch.inference_mode()
def embed(
    network: nn.Sequential,
    pixels: np.ndarray,
    source: SourceNetwork,
    stages: tuple[str, ...],
    *,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Embeddings of images at the ends of stages, in eval mode.

    Args:
        network: Its children are named stages; it is only run as far as needed.
        pixels: uint8, shape (N, H, W, 3).
        source: Describes the normalisation.
        stages: Names of the stages whose pooled output is wanted.
        progress: Called with images done and images in all; may raise to end the work.

    Returns:
        For each stage float32 of shape (N, D), D depending on the stage.
    """
    outputs: dict[str, list[np.ndarray]] = {name: [] for name in stages}
    for start in range(0, len(pixels), BATCH):
        features = normalise(pixels[start : start + BATCH], source)
        missing = set(stages)
        for name, stage in network.eval().named_children():
            features = stage(features)
            if name in missing:
                outputs[name].append(pooled(features).numpy())
                missing.remove(name)
            if not missing:
                break
        if progress:
            progress(min(start + BATCH, len(pixels)), len(pixels))
    return {name: np.concatenate(parts) for name, parts in outputs.items()}


def standardisation(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each feature, with deviations shrunk towards their mean.

    A feature that is nearly always 0 on these images has a tiny deviation; divided
    by it, one image on which it is not 0 would outweigh all that was learned.

    Args:
        embeddings: Of the training images, float32 (N, D).

    Returns:
        Mean and deviation, each float32 (D,); every deviation is positive.
    """
    variance = embeddings.var(0)
    deviation = np.sqrt(variance + SHRINKAGE * variance.mean() + 1e-12)
    return embeddings.mean(0), deviation.astype(np.float32)


def cached(
    folder: Path, stages: tuple[str, ...], compute: Callable[[tuple[str, ...]], dict]
) -> dict[str, np.ndarray]:
    """Embeddings from a folder, where those that are missing are computed and kept.

    Args:
        folder: Belongs to one key, see `cache_folder`.
        stages: Names of the wanted stages.
        compute: Takes the names that are missing and returns their embeddings.
    """
    missing = tuple(name for name in stages if not (folder / f"{name}.npy").is_file())
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        for name, values in compute(missing).items():
            # Complete or absent: another thread may look at any moment.
            part = folder / f".{name}.{os.getpid()}.{id(values)}.part"
            with part.open("wb") as file:
                np.save(file, values)
            part.replace(folder / f"{name}.npy")
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in stages}


def cache_folder(
    home: Path, data_id: str, source: SourceNetwork, transform: str, indices: np.ndarray
) -> Path:
    """Where the embeddings of these images by this network lie."""
    chosen = hashlib.sha256(np.ascontiguousarray(indices, dtype=np.int64).tobytes()).hexdigest()
    key = f"{source.name}-{source.weights_hash[:16]}-{transform}-{chosen[:16]}"
    return home / "embeddings" / data_id / key
