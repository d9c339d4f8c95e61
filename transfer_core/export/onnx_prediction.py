"""Classify images with an ONNX file. The exported example carries the text of this function."""

import numpy as np
import onnxruntime

from transfer_core.features import ONNX_BATCH_SIZE


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
