"""Embeddings of one sample by one network, kept on disk. Nothing here loads torch."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from transfer_core.networks.source_network import SourceNetwork
from transfer_core.system import disk_cache


def load_or_compute_embeddings(
    home: Path,
    folder: Path,
    stages: tuple[str, ...],
    compute: Callable[[tuple[str, ...]], dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Embeddings from a folder, where those that are missing are computed, and kept if they fit.

    Args:
        home: The data folder.
        folder: Belongs to one key, see `get_cache_folder`.
        stages: Names of the wanted stages.
        compute: Takes the names that are missing and returns their embeddings.
    """
    files = {name: folder / f"{name}.npy" for name in stages}
    found = {name: disk_cache.open_array(file) for name, file in files.items()}
    missing = tuple(name for name in stages if found[name] is None)
    if missing:
        found |= compute(missing)
    for name in missing:
        size = disk_cache.NPY_HEADER_BYTES + found[name].nbytes
        with (
            suppress(disk_cache.CacheFullError),
            disk_cache.add_entry(home, files[name], size) as file,
        ):
            np.save(file, found[name])
    return found


def get_cache_folder(
    home: Path, data_id: str, source: SourceNetwork, transform_key: str, indices: np.ndarray
) -> Path:
    """Where the embeddings of these images by this network, lie."""
    chosen = hashlib.sha256(np.ascontiguousarray(indices, dtype=np.int64).tobytes()).hexdigest()
    key = f"{source.name}-{source.weights_hash[:16]}-{transform_key}-{chosen[:16]}"
    return home / "embeddings" / data_id / key
