"""Open an ONNX network with ONNX Runtime. The exported example carries the text of the function."""

import os
from pathlib import Path

import onnxruntime

ONNX_BATCH_SIZE = 8  # images; ONNX Runtime plans its memory anew for every size that it meets


def open_onnx_session(model: Path | bytes) -> onnxruntime.InferenceSession:
    """Open an ONNX file, or its content, for the processor, on all cores.

    Threads that wait do not spin: spinning slows everything else in the process
    (microsoft/onnxruntime#13808). Memory patterns grow with every input shape (#11118). The
    arena stays: without it a batch of EfficientNet-Lite0 takes 1.4 times the processor's time,
    because its memory comes from the system anew. It grows with the batches that it meets
    (#11627), so every batch must have the same size, and the session be dropped after use.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
