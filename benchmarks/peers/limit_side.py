"""The limit: python -m benchmarks.peers.limit_side FOLDER NETWORK

Every image is decoded once, on all cores, and passed once through a bare ONNX Runtime session.
The session's file is written before the clock starts; nothing is learned.
"""

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from transfer_core.images import Transform, apply_transform, decode_image
from transfer_core.networks import SourceNetwork, get_network, load_pretrained

BATCH_SIZE = 16  # images


def write_onnx(source: SourceNetwork, path: Path) -> None:
    """Write the kept stages of case 1, with a fixed batch size."""
    shape = BATCH_SIZE, 3, source.input_size, source.input_size
    network = load_pretrained(source)[:-1].eval()
    torch.onnx.export(network, (torch.zeros(shape),), path, verbose=False)


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Open a session that uses all cores and whose threads sleep while they wait."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(folder: Path, source: SourceNetwork, onnx_file: Path) -> float:
    """Seconds until every image has been decoded and has passed the network."""
    mean, std = (np.float32(v).reshape(3, 1, 1) for v in (source.mean, source.std))
    files = [path for path in folder.rglob("*") if path.is_file()]
    began = time.perf_counter()
    session = open_session(onnx_file)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pixels = list(pool.map(lambda file: read_image(file, source.transform), files))
    for start in range(0, len(pixels), BATCH_SIZE):
        batch = pixels[start : start + BATCH_SIZE]
        batch += [batch[-1]] * (BATCH_SIZE - len(batch))
        images = np.stack(batch).transpose(0, 3, 1, 2).astype(np.float32) / 255
        session.run(None, {session.get_inputs()[0].name: (images - mean) / std})
    return time.perf_counter() - began


def read_image(file: Path, transform: Transform) -> np.ndarray:
    """Decode one image, no larger than needed."""
    return apply_transform(decode_image(file.read_bytes(), transform.min_decoded_side), transform)


def main(folder: str, name: str) -> None:
    """Prepare the session's file, then run and print the seconds."""
    source = get_network(name)
    with tempfile.TemporaryDirectory() as made:
        write_onnx(source, Path(made) / "network.onnx")
        print(json.dumps({"seconds": run(Path(folder), source, Path(made) / "network.onnx")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
