"""Bring every pool to a network's input size and embed it, once; data sets are drawn from both."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.panel.pools import Pool, Pools
from transfer_core.features import embed
from transfer_core.images import apply_transform
from transfer_core.networks import SourceNetwork, build_untrained, load_pretrained
from transfer_core.system import write_atomically
from transfer_core.transferability import choose_shift_images, measure_batchnorm_shift


@dataclass(frozen=True)
class EmbeddedPool:
    """A pool with what a network makes of each of its images."""

    pool: Pool
    embeddings: dict[str, np.ndarray]  # pooled output by stage, float32 (N, D)
    untrained: dict[str, np.ndarray]  # the same with random weights; empty for large networks
    distances: dict[str, float]  # batch-norm shift of the pool in nats, by stage


def load_or_prepare_pool(pools: Pools, name: str, source: SourceNetwork, folder: Path) -> Pool:
    """Return a pool at the network's input size, memory-mapped from a file made once.

    Args:
        pools: Builds the pool.
        name: Of the pool.
        source: The network.
        folder: Holds the files.
    """
    files = [folder / f"{name}-{source.input_size}-{part}.npy" for part in ("pixels", "labels")]
    if not files[-1].exists():
        folder.mkdir(parents=True, exist_ok=True)
        pool = pools.pool(name)
        write_atomically(files[0], lambda part: np.save(part, _enlarge(pool.pixels, source)))
        write_atomically(files[1], lambda part: np.save(part, pool.labels))
    return Pool(name, pools.get_family(name), np.load(files[0], mmap_mode="r"), np.load(files[1]))


def load_or_embed_pool(pool: Pool, source: SourceNetwork, folder: Path) -> EmbeddedPool:
    """Read what a network makes of a pool from a file, or make it.

    Args:
        pool: At the network's input size.
        source: The network.
        folder: Holds one file for each network and pool.
    """
    file = folder / f"{source.name}-{source.weights_hash[:16]}" / f"{pool.name}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays = _embed_pool(pool, source)
        write_atomically(file, lambda part: np.savez(part, **arrays))
    parts: dict[str, dict[str, np.ndarray]] = {"trained": {}, "untrained": {}, "distance": {}}
    with np.load(file) as stored:
        for name, values in stored.items():
            part, _, stage = name.partition("/")
            parts[part][stage] = values
    distances = {name: float(value) for name, value in parts["distance"].items()}
    return EmbeddedPool(pool, parts["trained"], parts["untrained"], distances)


def _embed_pool(pool: Pool, source: SourceNetwork) -> dict[str, np.ndarray]:
    network, kept = load_pretrained(source), source.stage_names[:-1]
    parts = {"trained": embed(network, pool.pixels, source, source.stage_names)}
    if source.library == "demonstration":
        random = build_untrained(source, num_classes=len(source.card["classes"]), seed=0)
        parts["untrained"] = embed(random, pool.pixels, source, kept)
    shift = measure_batchnorm_shift(network, pool.pixels[choose_shift_images(pool.pixels)], source)
    parts["distance"] = {name: np.array(value) for name, value in shift.items()}
    return {
        f"{part}/{name}": values
        for part, arrays in parts.items()
        for name, values in arrays.items()
    }


def _enlarge(pixels: np.ndarray, source: SourceNetwork) -> np.ndarray:
    """Bring images to the network's input size as any other image, unless they have it."""
    if pixels.shape[1] == source.input_size:
        return pixels
    return np.stack([apply_transform(Image.fromarray(each), source.transform) for each in pixels])
