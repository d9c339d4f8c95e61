"""Turn pixels into a network's normalised inputs, in batches that fit into memory."""

import numpy as np
import torch

from transfer_core.networks import SourceNetwork
from transfer_core.system import copy_to_device

MAX_BATCH_SIZE = 32  # images; small enough that the allocator reuses the memory of outputs
MAX_BATCH_PIXELS = 16 * 224 * 224  # in a batch, so that outputs stay below about a gigabyte


def choose_batch_size(source: SourceNetwork) -> int:
    """Return the batch size in images for a forward pass without learning."""
    return max(1, min(MAX_BATCH_SIZE, MAX_BATCH_PIXELS // source.input_size**2))


def normalise(
    pixels: np.ndarray, source: SourceNetwork, device: torch.device | None = None
) -> torch.Tensor:
    """Turn pixels into a network's normalised inputs.

    Args:
        pixels: uint8, shape (B, H, W, 3).
        source: Its mean and standard deviation are applied.
        device: Device that computes and holds the result; None is the processor.

    Returns:
        float32, shape (B, 3, H, W), channels last in memory.
    """
    images = copy_to_device(pixels, device).permute(0, 3, 1, 2)
    mean, std = (
        torch.tensor(v, device=images.device).view(1, 3, 1, 1) for v in (source.mean, source.std)
    )
    # One multiplication and one addition a pixel: (x / 255 - mean) / std.
    return images * (1 / 255 / std) - mean / std


def normalise_array(pixels: np.ndarray, source: SourceNetwork) -> np.ndarray:
    """Do the same with NumPy, on this thread alone, with the channels first in memory.

    Threads of torch wait in a loop for their next work, which would slow down ONNX Runtime.
    """
    inputs = np.empty((len(pixels), 3, *pixels.shape[1:3]), np.float32)
    for channel, (mean, std) in enumerate(zip(source.mean, source.std, strict=True)):
        plane = inputs[:, channel]
        np.multiply(pixels[..., channel], np.float32(1 / 255 / std), out=plane)
        plane -= np.float32(mean / std)
    return inputs
