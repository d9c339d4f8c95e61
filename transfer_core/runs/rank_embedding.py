"""Embed the images of a large set once, each on one of the ranks."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from transfer_core.features import Allocate, EmbeddingRuntime, embed_with_runtime
from transfer_core.networks import SourceNetwork
from transfer_core.system import (
    UNFINISHED_SUFFIX,
    Progress,
    Ranks,
    StopRequested,
    ignore_progress,
)


def embed_on_ranks(
    ranks: Ranks,
    folder: Path,
    network: nn.Sequential,
    pixels: Any,
    source: SourceNetwork,
    stages: tuple[str, ...],
    *,
    runtime: EmbeddingRuntime,
    indices: np.ndarray | None = None,
    progress: Progress = ignore_progress,
    stop_requested: StopRequested | None = None,
    allocate: Allocate = lambda stage, shape: np.empty(shape, np.float32),
    **options: Any,
) -> dict[str, np.ndarray]:
    """Do the work of `embed_with_runtime` on all ranks; called by the first of them.

    Args:
        ranks: The others take the embeddings of their images to files.
        folder: Of the run; the files lie there for as long as that takes.
        options: And all else as for `embed_with_runtime`.

    Raises:
        WorkStopped: If `stop_requested` said so.
    """
    chosen = np.arange(len(pixels)) if indices is None else indices
    wanted = None if indices is None else indices.tolist()
    ranks.tell(do="embed", stages=stages, runtime=asdict(runtime), indices=wanted)
    own, total = chosen[ranks.get_share(len(chosen))], len(chosen)
    found: dict[str, np.ndarray] = {}

    def allocate_all(stage: str, shape: tuple[int, int]) -> np.ndarray:
        found[stage] = allocate(stage, (total, shape[1]))
        return found[stage][: len(own)]

    embed_with_runtime(
        network,
        pixels,
        source,
        stages,
        runtime=runtime,
        indices=own,
        progress=lambda what, done, of: progress(what, done * total // of, total),
        stop_requested=stop_requested,
        allocate=allocate_all,
        **options,
    )
    ranks.wait_until_done(stop_requested)
    first = len(own)
    for number in range(1, ranks.count):
        file = _get_file(folder, number)
        with np.load(file) as part:
            last = first + len(part[stages[0]])
            for name in stages:
                found[name][first:last] = part[name]
        file.unlink()
        first = last
    return found


def embed_share(
    ranks: Ranks,
    folder: Path,
    network: nn.Sequential,
    pixels: Any,
    source: SourceNetwork,
    task: dict[str, Any],
) -> None:
    """Do this rank's part of what the first asked for in `embed_on_ranks`."""
    chosen = np.arange(len(pixels)) if task["indices"] is None else np.array(task["indices"])
    found = embed_with_runtime(
        network,
        pixels,
        source,
        tuple(task["stages"]),
        runtime=EmbeddingRuntime(**task["runtime"]),
        indices=chosen[ranks.get_share(len(chosen))],
    )
    with _get_file(folder, ranks.number).open("wb") as file:
        np.savez(file, **found)
    ranks.report_done()


def _get_file(folder: Path, number: int) -> Path:
    return folder / f"embeddings-{number}.npz{UNFINISHED_SUFFIX}"
