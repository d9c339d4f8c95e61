"""Embed every pool once by a network; every size and seed is then drawn from the embeddings."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.panel.pools import Pool, Pools
from transfer_core.features import embed
from transfer_core.images import apply_transform
from transfer_core.networks import SourceNetwork, load_pretrained
from transfer_core.system import write_atomically
from transfer_core.transferability import (
    choose_shift_images,
    measure_batchnorm_shift,
    stratify_order,
)

MAX_POOL_IMAGES = 1_300  # images of a pool: 1,000 to learn from and 300 to test on


@dataclass(frozen=True)
class EmbeddedPool:
    """A pool with what a pre-trained network makes of each of its images."""

    pool: Pool  # at most 1,300 images
    embeddings: dict[str, np.ndarray]  # pooled output by stage, float32 (N, D)
    distances: dict[str, float]  # batch-norm shift of the pool in nats, by stage


def load_or_embed_pool(
    pools: Pools, name: str, source: SourceNetwork, folder: Path
) -> EmbeddedPool:
    """Read an embedded pool from a file, or make it.

    Args:
        pools: Builds the pool.
        name: Of the pool.
        source: The network.
        folder: Holds one file for each network and pool.
    """
    file = folder / f"{source.name}-{source.weights_hash[:16]}" / f"{name}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays = _embed_pool(draw_images(pools.pool(name)), source)
        write_atomically(file, lambda part: np.savez(part, **arrays))
    with np.load(file) as stored:
        arrays = dict(stored)
    pool = Pool(name, pools.get_family(name), arrays.pop("pixels"), arrays.pop("labels"))
    distances = {n: float(arrays.pop(f"distance/{n}")) for n in _list_distances(arrays)}
    return EmbeddedPool(pool, arrays, distances)


def draw_images(pool: Pool) -> Pool:
    """Return a pool with at most 1,300 of its images, the same share of each class."""
    order = np.random.default_rng(0).permutation(len(pool.labels))
    chosen = np.sort(stratify_order(order, pool.labels)[:MAX_POOL_IMAGES])
    return Pool(pool.name, pool.family, pool.pixels[chosen], pool.labels[chosen])


def _embed_pool(pool: Pool, source: SourceNetwork) -> dict[str, np.ndarray]:
    network, pixels = load_pretrained(source), _enlarge(pool.pixels, source)
    embeddings = embed(network, pixels, source, source.stage_names)
    shift = measure_batchnorm_shift(network, pixels[choose_shift_images(pixels)], source)
    distances = {f"distance/{name}": np.array(value) for name, value in shift.items()}
    return {"pixels": pool.pixels, "labels": pool.labels} | embeddings | distances


def _enlarge(pixels: np.ndarray, source: SourceNetwork) -> np.ndarray:
    """Bring images of a pool to the network's input size, as any other image."""
    return np.stack([apply_transform(Image.fromarray(each), source.transform) for each in pixels])


def _list_distances(arrays: dict[str, np.ndarray]) -> list[str]:
    return [name.removeprefix("distance/") for name in arrays if name.startswith("distance/")]
