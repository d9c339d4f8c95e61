"""Embeddings of one sample by one network, kept on disk. Nothing here loads torch."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from transfer_core.networks.source_network import SourceNetwork
from transfer_core.number_format import NumberFormat


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
    home: Path,
    data_id: str,
    source: SourceNetwork,
    transform: str,
    indices: np.ndarray,
    number_format: NumberFormat = "float32",
) -> Path:
    """Where the embeddings of these images by this network, computed in this format, lie."""
    chosen = hashlib.sha256(np.ascontiguousarray(indices, dtype=np.int64).tobytes()).hexdigest()
    key = f"{source.name}-{source.weights_hash[:16]}-{transform}-{number_format}-{chosen[:16]}"
    return home / "embeddings" / data_id / key
