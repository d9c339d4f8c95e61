"""Run an ONNX file with ONNX Runtime. The exported example carries the text of these functions."""

import os
from pathlib import Path

import numpy as np
import onnxruntime

ONNX_BATCH_SIZE = 8  # images; ONNX Runtime plans its memory anew for every size that it meets


def open_onnx_session(file: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX file for the processor, on all cores.

    Threads that wait do not spin: spinning slows everything else in the process
    (microsoft/onnxruntime#13808). Memory returns to the system after each batch: the arena keeps
    what it has ever taken (#11627), and memory patterns grow with every input shape (#11118).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def predict_onnx(session: onnxruntime.InferenceSession, pixels: np.ndarray) -> np.ndarray:
    """Return class probabilities, float32 (N, C), of images, uint8 (N, H, W, 3).

    The last batch is filled up with black images, whose answers are dropped.
    """
    parts = []
    for start in range(0, len(pixels), ONNX_BATCH_SIZE):
        part = pixels[start : start + ONNX_BATCH_SIZE]
        batch = np.zeros((ONNX_BATCH_SIZE, 3, *part.shape[1:3]), np.float32)
        batch[: len(part)] = part.transpose(0, 3, 1, 2)
        parts.append(session.run(None, {"image": batch})[0][: len(part)])
    return np.concatenate(parts)
