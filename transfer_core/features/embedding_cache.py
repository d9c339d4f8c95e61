"""Embeddings of one sample by one network in a cache on disk. This module needs no torch."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from transfer_core.features.joined_rows import JoinedRows, join_rows
from transfer_core.networks import SourceNetwork
from transfer_core.system import disk_cache, hash_bytes

Allocate = Callable[[str, tuple[int, int]], np.ndarray]  # a stage and a shape to empty float32 rows


def load_or_compute_embeddings(
    home: Path,
    folder: Path,
    stages: tuple[str, ...],
    compute: Callable[[tuple[str, ...], Allocate], dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Read embeddings from the cache; compute those that are missing and add them if they fit.

    Those that fit are written to the cache as they come, and never lie in memory as a whole.

    Args:
        home: The data folder.
        folder: Within that of `get_cache_folder`, named after the runtime.
        stages: Names of the wanted stages.
        compute: Takes the names of missing stages, and what makes room for the embeddings of one;
            returns all of them.

    Returns:
        float32 (N, D) by stage.
    """
    files = {name: folder / f"{name}.npy" for name in stages}
    embeddings = {name: disk_cache.open_array(file) for name, file in files.items()}
    missing = tuple(name for name in stages if embeddings[name] is None)
    if missing:
        with ExitStack() as entries:
            embeddings |= compute(missing, partial(_allocate, home, files, entries))
        for name in missing:
            embeddings[name].flags.writeable = False  # a write would change the file
    return embeddings


def _allocate(
    home: Path, files: dict[str, Path], entries: ExitStack, stage: str, shape: tuple[int, int]
) -> np.ndarray:
    """Map a new entry of the cache, or take memory where there is no room for one."""
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    size = disk_cache.NPY_HEADER_BYTES + 4 * shape[0] * shape[1]
    try:
        file = entries.enter_context(disk_cache.add_entry(home, files[stage], size))
    except disk_cache.CacheFullError:
        return np.empty(shape, np.float32)
    np.lib.format.write_array_header_1_0(file, header)
    return np.memmap(file, np.float32, "r+", file.tell(), shape)


def join_embeddings(
    embeddings: dict[str, np.ndarray], stages: tuple[str, ...]
) -> np.ndarray | JoinedRows:
    """Return the embeddings of stages side by side, as the head reads them.

    Args:
        embeddings: float32 (N, D) by stage; D depends on the stage.
        stages: From `networks.list_head_stages`.

    Returns:
        float32 (N, sum of all D).
    """
    return join_rows([embeddings[name] for name in stages], axis=1)


def get_cache_folder(
    home: Path, data_id: str, source: SourceNetwork, preprocessing_key: str, indices: np.ndarray
) -> Path:
    """Return the cache folder of these images' embeddings by this network.

    Its path is the cache key: data set, network, hash of the weights, preprocessing and hash of
    the indices. Each runtime has a folder of its own in it, `EmbeddingRuntime.key`, and the stage
    is the name of each file there.

    Args:
        home: The data folder.
        data_id: Id of the data set.
        source: The network.
        preprocessing_key: `Transform.key`, followed by `AugmentedView.key` for augmented images.
        indices: Indices of the images, int64 (N,).
    """
    chosen = hash_bytes(np.ascontiguousarray(indices, dtype=np.int64).tobytes())
    key = f"{source.name}-{source.weights_hash[:16]}-{preprocessing_key}-{chosen[:16]}"
    return home / "embeddings" / data_id / key
