"""Compute embeddings: one forward pass per image through the frozen stages."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial

import numpy as np
import torch
from torch import nn

from transfer_core.dataset import PixelArray, iter_batches
from transfer_core.features.embedding_cache import Allocate
from transfer_core.features.embedding_runtime import EmbeddingRuntime
from transfer_core.features.onnx_stages import OnnxFailedError, OnnxStages
from transfer_core.features.pooled_stages import PooledStages
from transfer_core.features.preprocessing import choose_batch_size, normalise, normalise_array
from transfer_core.features.runtime_choice import (
    choose_runtime,
    compute_fingerprint,
    remember_failure,
)
from transfer_core.languages import N_
from transfer_core.networks import SourceNetwork
from transfer_core.system import Progress, StopRequested, get_device, ignore_progress

GPU_BATCHES = 4  # at once on a GPU, which otherwise waits for the next one most of the time
Preprocessing = Callable[[np.ndarray, SourceNetwork, torch.device], torch.Tensor]
BatchEmbedder = Callable[[np.ndarray], Iterator[list[np.ndarray]]]  # pixels to parts of embeddings


def embed(
    network: nn.Sequential,
    pixels: np.ndarray | PixelArray,
    source: SourceNetwork,
    stages: tuple[str, ...],
    *,
    indices: np.ndarray | None = None,
    preprocess: Preprocessing = normalise,
    progress: Progress = ignore_progress,
    stop_requested: StopRequested | None = None,
) -> dict[str, np.ndarray]:
    """Compute the pooled outputs of stages for images, in eval mode, on the network's device.

    They are float32 on every machine: answers and results rest on them. On a processor ONNX
    Runtime computes them where it is faster; see `choose_runtime`.

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
    embed_by = partial(
        embed_with_runtime,
        network,
        pixels,
        source,
        stages,
        indices=indices,
        preprocess=preprocess,
        progress=progress,
        stop_requested=stop_requested,
    )
    runtime = choose_runtime(network, pixels, source, stages, indices=indices, progress=progress)
    try:
        return embed_by(runtime=runtime)
    except OnnxFailedError as error:
        return embed_by(runtime=remember_failure(network, source, stages, error))


def embed_with_runtime(
    network: nn.Sequential,
    pixels: np.ndarray | PixelArray,
    source: SourceNetwork,
    stages: tuple[str, ...],
    *,
    runtime: EmbeddingRuntime,
    indices: np.ndarray | None = None,
    preprocess: Preprocessing = normalise,
    progress: Progress = ignore_progress,
    stop_requested: StopRequested | None = None,
    allocate: Allocate = lambda stage, shape: np.empty(shape, np.float32),
) -> dict[str, np.ndarray]:
    """Do the work of `embed` with one runtime, into the arrays of `allocate`; see there.

    Raises:
        OnnxFailedError: If ONNX Runtime cannot run the network.
        WorkStopped: If `stop_requested` said so.
    """
    build = _embed_by_onnx if runtime.name == "onnxruntime" else _embed_by_torch
    embed_batch = build(network, source, stages, preprocess)
    embeddings: dict[str, np.ndarray] = {}
    done = 0
    total = len(pixels) if indices is None else len(indices)
    size = choose_batch_size(source)
    # The same batches for every runtime: random changes of images are drawn for a batch.
    if preprocess is normalise and get_device(network).type == "cuda":
        size *= GPU_BATCHES
    with closing(iter_batches(pixels, size, indices, stop_requested)) as batches:
        for batch in batches:
            for part in embed_batch(batch):
                for stage, features in zip(stages, part, strict=True):
                    if stage not in embeddings:
                        embeddings[stage] = allocate(stage, (total, features.shape[1]))
                    embeddings[stage][done : done + len(features)] = features
                done += len(part[0])
                progress(N_("Embedding images"), done, total)
    return embeddings


def _embed_by_torch(
    network: nn.Sequential,
    source: SourceNetwork,
    stages: tuple[str, ...],
    preprocess: Preprocessing,
) -> BatchEmbedder:
    model, device = PooledStages(network, stages), get_device(network)

    @torch.inference_mode()
    def embed_batch(batch: np.ndarray) -> Iterator[list[np.ndarray]]:
        inputs = preprocess(batch, source, device)
        with convolve_in_float32():
            pooled = model(inputs)
        yield [features.float().cpu().numpy() for features in pooled]

    return embed_batch


@contextmanager
def convolve_in_float32() -> Iterator[None]:
    """Let cuDNN convolve in float32; unless told, it convolves in TF32, whose digits are three."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _embed_by_onnx(
    network: nn.Sequential,
    source: SourceNetwork,
    stages: tuple[str, ...],
    preprocess: Preprocessing,
) -> BatchEmbedder:
    model = OnnxStages(network, compute_fingerprint(network, stages), stages, source)

    def embed_batch(batch: np.ndarray) -> Iterator[list[np.ndarray]]:
        if preprocess is normalise:
            return model.run(normalise_array(batch, source))
        with torch.inference_mode():
            inputs = preprocess(batch, source, get_device(network)).contiguous().numpy()
        return model.run(inputs)

    return embed_batch
