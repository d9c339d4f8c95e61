"""Embed images of a data set with the chosen runtime, or take the embeddings from the cache."""

from pathlib import Path

import numpy as np
from torch import nn

from transfer_core.dataset import PixelArray
from transfer_core.features.augmented_views import AugmentedView
from transfer_core.features.embedding import embed_with_runtime
from transfer_core.features.embedding_cache import get_cache_folder, load_or_compute_embeddings
from transfer_core.features.embedding_runtime import EmbeddingRuntime
from transfer_core.features.onnx_stages import OnnxFailedError
from transfer_core.features.preprocessing import normalise
from transfer_core.features.runtime_choice import choose_runtime, remember_failure
from transfer_core.networks import SourceNetwork
from transfer_core.system import Progress, StopRequested, ignore_progress


def load_or_embed(
    home: Path,
    data_id: str,
    network: nn.Sequential,
    pixels: PixelArray,
    source: SourceNetwork,
    stages: tuple[str, ...],
    *,
    indices: np.ndarray | None = None,
    view: AugmentedView | None = None,
    progress: Progress = ignore_progress,
    stop_requested: StopRequested | None = None,
) -> tuple[dict[str, np.ndarray], EmbeddingRuntime]:
    """Return embeddings of some images, and the runtime that computed them.

    Args:
        home: The data folder.
        data_id: Id of the data set.
        network: The source network or its kept stages, with their pre-trained weights.
        pixels: All images of the data set.
        source: The network.
        stages: Names of the stages whose pooled output is wanted.
        indices: Indices of the wanted images, int64 (M,); None for all.
        view: How each image is changed; None for not at all.
        progress: Called with the work, images done and total; may raise to end the work.
        stop_requested: Asked while images are decoded.

    Returns:
        float32 (M, D) by stage, and the runtime.

    Raises:
        WorkStopped: If `stop_requested` said so.
    """
    changed = source.transform.key + (f"-{view.key}" if view else "")
    chosen = np.arange(len(pixels)) if indices is None else indices
    folder = get_cache_folder(home, data_id, source, changed, chosen)

    def load_or_compute(runtime: EmbeddingRuntime) -> dict[str, np.ndarray]:
        return load_or_compute_embeddings(
            home,
            folder / runtime.key,
            stages,
            lambda missing, allocate: embed_with_runtime(
                network,
                pixels,
                source,
                missing,
                runtime=runtime,
                indices=indices,
                preprocess=view.build_preprocessing() if view else normalise,
                progress=progress,
                stop_requested=stop_requested,
                allocate=allocate,
            ),
        )

    runtime = choose_runtime(network, pixels, source, stages, indices=indices, progress=progress)
    try:
        return load_or_compute(runtime), runtime
    except OnnxFailedError as error:
        runtime = remember_failure(network, source, stages, error)
        return load_or_compute(runtime), runtime
