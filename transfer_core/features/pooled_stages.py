"""A network whose outputs are the pooled outputs of some of its stages, in torch and as ONNX."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import numpy as np
import torch
from torch import nn

from transfer_core.networks import compute_pool_size, pool_features

INPUT_NAME = "images"
OPSET = 17  # of the ONNX operators; the first with layer normalisation
MAX_ONNX_BYTES = 2_000_000_000  # of weights; an ONNX file cannot hold more than 2 GiB

_exporting = threading.Lock()  # the exporter keeps its state in globals


class PooledStages(nn.Module):
    """The stages of a network up to the last wanted one, run in one pass.

    Args:
        network: Its children are named stages; it is set to eval mode.
        stages: Names of the stages whose pooled output is wanted.
    """

    def __init__(self, network: nn.Sequential, stages: tuple[str, ...]) -> None:
        super().__init__()
        names = [name for name, _ in network.eval().named_children()]
        last = max(names.index(stage) for stage in stages)
        self.network, self.wanted = network[: last + 1], [names.index(stage) for stage in stages]

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the pooled outputs, each (B, D), of normalised images (B, 3, H, W)."""
        pooled: dict[int, torch.Tensor] = {}
        features = images
        for index, stage in enumerate(self.network):
            features = stage(features)
            if index in self.wanted:
                pooled[index] = self.pool(features)
        return tuple(pooled[index] for index in self.wanted)

    def pool(self, features: torch.Tensor) -> torch.Tensor:
        """Pool the output of a stage to (B, D)."""
        return pool_features(features)


class _ExportedStages(PooledStages):
    """The same with a pooling that the exporter knows for maps of every size."""

    def pool(self, features: torch.Tensor) -> torch.Tensor:
        """Multiply maps by the matrix that averages the pixels of each cell."""
        if features.ndim != 4:
            return pool_features(features)
        channels, height, width = map(int, features.shape[1:])
        cells = compute_pool_size(channels)
        if (cells, cells) == (height, width):
            return features.flatten(1)
        matrix = torch.from_numpy(_build_pooling_matrix(height, width, cells))
        return (features.flatten(2) @ matrix).flatten(1)


def _build_pooling_matrix(height: int, width: int, cells: int) -> np.ndarray:
    """Return the share of each pixel in each cell, float32 (height * width, cells * cells).

    Cells are those of torch's adaptive average pooling; where the side is no multiple of their
    number, neighbours overlap.
    """
    sides = []
    for side in (height, width):
        shares = np.zeros((side, cells))
        for cell in range(cells):
            pixels = slice(cell * side // cells, -(-(cell + 1) * side // cells))
            shares[pixels, cell] = 1 / len(range(side)[pixels])
        sides.append(shares)
    return np.kron(*sides).astype(np.float32)


def build_onnx_graph(network: nn.Sequential, stages: tuple[str, ...], size: int) -> bytes:
    """Write the pooled stages as an ONNX file for batches of any size.

    The older exporter, which traces, takes a tenth of the newer one's time.

    Args:
        network: On the processor; it is set to eval mode.
        stages: Names of the stages whose pooled output is wanted.
        size: Side of the input in pixels.

    Returns:
        The content of the file: input `INPUT_NAME`, one output for each stage in their order.

    Raises:
        Exception: Of many kinds, if the network cannot be exported.
    """
    content, inputs = BytesIO(), torch.zeros(1, 3, size, size)
    names = [f"pooled_{number}" for number in range(len(stages))]
    axes = {name: {0: "batch"} for name in (INPUT_NAME, *names)}
    with _prepare_to_export():
        torch.onnx.export(
            _ExportedStages(network, stages).eval(),
            (inputs,),
            content,
            input_names=[INPUT_NAME],
            output_names=names,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    return content.getvalue()


@contextmanager
def _prepare_to_export() -> Iterator[None]:
    """Make way for the exporter, one at a time.

    It knows no fused attention, takes no tensors of inference mode, and warns that it is the
    older exporter and that sizes become constants.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    with _exporting, warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)


def count_weight_bytes(network: nn.Module) -> int:
    """Return the bytes of all weights and statistics."""
    return sum(value.nbytes for value in network.state_dict().values())
