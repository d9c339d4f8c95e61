"""Choose the runtime of embeddings once per network and processor, by measuring both.

ONNX Runtime is taken where it is faster and its embeddings agree with torch's; so how fast a
machine is never changes an answer. The choice is kept on this machine, one small file each.
"""

import hashlib
import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

from transfer_core.dataset import PixelArray
from transfer_core.features.embedding_runtime import (
    CANNOT_RUN,
    DIFFERS,
    ONNX_FASTER,
    TORCH_FASTER,
    EmbeddingRuntime,
    make_runtime,
)
from transfer_core.features.onnx_stages import OnnxFailedError, OnnxStages
from transfer_core.features.pooled_stages import PooledStages
from transfer_core.features.preprocessing import choose_batch_size, normalise, normalise_array
from transfer_core.languages import N_
from transfer_core.networks import SourceNetwork
from transfer_core.system import (
    Progress,
    get_device,
    get_machine_folder,
    hash_bytes,
    write_atomically,
)

TOLERANCE = 1e-4  # largest difference of a feature; relative to the stage's largest if above 1
CHECKED_IMAGES = 32  # that both runtimes embed
MIN_IMAGES = 64  # images to embed for which measuring pays: it costs about as much as they do
MIN_SPEEDUP = 1.1  # from which ONNX Runtime is chosen, for writing the network down costs too
CHOOSING = N_("Trying which program is faster here")

_measuring = threading.Lock()  # one measurement at a time: two would slow down each other


def choose_runtime(
    network: nn.Sequential,
    pixels: np.ndarray | PixelArray,
    source: SourceNetwork,
    stages: tuple[str, ...],
    *,
    indices: np.ndarray | None = None,
    progress: Progress,
) -> EmbeddingRuntime:
    """Return the remembered runtime of a network, or measure which one is faster.

    Args:
        network: Its children are named stages.
        pixels: uint8, shape (N, H, W, 3); some of them are embedded to measure.
        source: Describes the normalisation.
        stages: Names of the stages whose pooled output is wanted.
        indices: Indices of the images to embed, int64 (M,); None for all.
        progress: Called between the steps; may raise to end the work.
    """
    if get_device(network).type != "cpu":
        return make_runtime("torch", N_("a GPU computes it"))
    if torch.is_autocast_enabled("cpu"):
        return make_runtime("torch", N_("it is computed in another precision than float32"))
    count = len(pixels) if indices is None else len(indices)
    if count < MIN_IMAGES:  # whatever is remembered, so that a run repeated later is the same
        return make_runtime("torch", N_("the images are too few to measure on"))
    fingerprint = compute_fingerprint(network, stages)
    with _measuring:
        remembered = recall_runtime(fingerprint, source)
        if remembered:
            return remembered
        chosen = np.linspace(0, count - 1, CHECKED_IMAGES).astype(int)
        sample = pixels[chosen if indices is None else indices[chosen]]
        runtime = _measure(network, fingerprint, sample, source, stages, progress)
        remember_runtime(fingerprint, source, runtime)
    return runtime


def compute_fingerprint(network: nn.Sequential, stages: tuple[str, ...]) -> str:
    """Hash structure and weights of the stages up to the last wanted one.

    The network's last stage, a layer on pooled features, is left out: a new head changes
    neither speed nor agreement.
    """
    parts = PooledStages(network, stages).network
    kept = parts[:-1] if len(parts) == len(network) and len(parts) > 1 else parts
    digest = hashlib.sha256(repr(kept).encode())
    for name, value in kept.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().contiguous().numpy().reshape(-1).view(np.uint8))
    return digest.hexdigest()


def recall_runtime(fingerprint: str, source: SourceNetwork) -> EmbeddingRuntime | None:
    """Return the runtime chosen earlier; None if there is none, or its file is damaged."""
    try:
        values = json.loads(_get_file(fingerprint, source).read_text(encoding="utf-8"))
        runtime = make_runtime(values["name"], str(values["reason"]))
    except (OSError, ValueError, KeyError, TypeError, ImportError):
        return None
    return runtime if runtime.name in {"torch", "onnxruntime"} else None


def remember_runtime(fingerprint: str, source: SourceNetwork, runtime: EmbeddingRuntime) -> None:
    """Keep a choice on this machine; where it cannot be written, it is made again next time."""
    file = _get_file(fingerprint, source)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(asdict(runtime)))


def remember_failure(
    network: nn.Sequential,
    source: SourceNetwork,
    stages: tuple[str, ...],
    error: OnnxFailedError,
) -> EmbeddingRuntime:
    """Return torch, and keep to it from now on: ONNX Runtime failed where it was chosen."""
    runtime = make_runtime("torch", f"{CANNOT_RUN} ({error})")
    remember_runtime(compute_fingerprint(network, stages), source, runtime)
    return runtime


def _get_file(fingerprint: str, source: SourceNetwork) -> Path:
    """The file of a choice; another processor or another version has another one."""
    versions = [make_runtime(name).version for name in ("torch", "onnxruntime")]
    machine = _name_processor(), os.cpu_count(), torch.get_num_threads()
    named = json.dumps([fingerprint, source.input_size, machine, versions])
    return get_machine_folder() / "runtimes" / f"{hash_bytes(named.encode())[:32]}.json"


def _name_processor() -> str:
    """The model of the processor, where the system tells."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line
    return f"{platform.machine()} {platform.processor()}"


def _measure(
    network: nn.Sequential,
    fingerprint: str,
    pixels: np.ndarray,
    source: SourceNetwork,
    stages: tuple[str, ...],
    progress: Progress,
) -> EmbeddingRuntime:
    """Embed the same images with both, ONNX Runtime first: torch's threads spin for a while."""
    progress(CHOOSING, 0, CHECKED_IMAGES)
    try:
        onnx = OnnxStages(network, fingerprint, stages, source)
        theirs, speed = _time_batches(onnx.run(normalise_array(pixels, source)), progress)
    except OnnxFailedError as error:
        return make_runtime("torch", f"{CANNOT_RUN} ({error})")
    ours, torch_speed = _time_batches(_run_torch(network, pixels, source, stages), progress)
    return _decide(speed, torch_speed, compute_difference(theirs, ours))


def _decide(onnx_speed: float, torch_speed: float, difference: float) -> EmbeddingRuntime:
    """Choose from images per second and the largest difference of a feature."""
    if not difference <= TOLERANCE:  # nor NaN
        told = DIFFERS.format(difference=f"{difference:.1g}", allowed=f"{TOLERANCE:g}")
        return make_runtime("torch", told)
    told = {
        "torch": f"{torch_speed:.0f}",
        "onnx": f"{onnx_speed:.0f}",
        "difference": f"{difference:.1g}",
    }
    if onnx_speed < MIN_SPEEDUP * torch_speed:
        return make_runtime("torch", TORCH_FASTER.format(**told))
    return make_runtime("onnxruntime", ONNX_FASTER.format(**told))


def compute_difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """Return the largest difference of a feature, over all stages.

    It is absolute where the features of a stage are at most 1, else relative to the largest.

    Args:
        ours: Embeddings of each stage, float32 (N, D).
        theirs: The same images' and stages' by the reference.
    """
    return max(
        float(np.abs(mine - other).max() / max(1.0, np.abs(other).max()))
        for mine, other in zip(ours, theirs, strict=True)
    )


@torch.inference_mode()
def _run_torch(
    network: nn.Sequential, pixels: np.ndarray, source: SourceNetwork, stages: tuple[str, ...]
) -> Iterator[list[np.ndarray]]:
    model, step = PooledStages(network, stages), choose_batch_size(source)
    for start in range(0, len(pixels), step):
        inputs = normalise(pixels[start : start + step], source)
        yield [features.numpy() for features in model(inputs)]


def _time_batches(
    batches: Iterator[list[np.ndarray]], progress: Progress
) -> tuple[list[np.ndarray], float]:
    """Return the embeddings of each stage, and the images per second of the fastest batch."""
    parts, speed, began = [], 0.0, time.perf_counter()
    for batch in batches:
        now = time.perf_counter()
        speed, began = max(speed, len(batch[0]) / (now - began)), now
        progress(CHOOSING, len(parts), CHECKED_IMAGES)
        parts.append(batch)
    return [np.concatenate(stage) for stage in zip(*parts, strict=True)], speed
