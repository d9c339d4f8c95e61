"""Compute the pooled outputs of stages with ONNX Runtime."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import nn

from transfer_core.features.onnx_session import ONNX_BATCH_SIZE, open_onnx_session
from transfer_core.features.pooled_stages import (
    INPUT_NAME,
    MAX_ONNX_BYTES,
    build_onnx_graph,
    count_weight_bytes,
)
from transfer_core.networks import SourceNetwork

MAX_KEPT_BYTES = 200_000_000  # of the graph made last, for the next embedding by its network

_graphs: dict[tuple, bytes] = {}  # the one made last; runs embed several views in turn
_keeping = threading.Lock()


class OnnxFailedError(Exception):
    """ONNX Runtime cannot run this network; torch can."""


class OnnxStages:
    """Runs a network's stages with ONNX Runtime, always on batches of one size.

    Args:
        network: Its children are named stages.
        fingerprint: From `compute_fingerprint` of these stages.
        stages: Names of the stages whose pooled output is wanted.
        source: Describes the size of the input.

    Raises:
        OnnxFailedError: If the network cannot be exported, or the file not be opened.
    """

    def __init__(
        self,
        network: nn.Sequential,
        fingerprint: str,
        stages: tuple[str, ...],
        source: SourceNetwork,
    ) -> None:
        if count_weight_bytes(network) > MAX_ONNX_BYTES:
            raise OnnxFailedError("its weights are more than an ONNX file can hold")
        key = fingerprint, stages, source.input_size
        try:
            graph = _graphs.get(key) or build_onnx_graph(network, stages, source.input_size)
            self._session = open_onnx_session(graph)
        except Exception as error:  # the exporter raises many kinds, and so may any layer
            raise OnnxFailedError(describe_error(error)) from error
        with _keeping:
            _graphs.clear()
            if len(graph) <= MAX_KEPT_BYTES:
                _graphs[key] = graph

    def run(self, inputs: np.ndarray) -> Iterator[list[np.ndarray]]:
        """Yield the pooled outputs of a few images at a time.

        The last batch is filled up with black images, whose outputs are dropped.

        Args:
            inputs: Normalised images, float32 (B, 3, H, W).

        Yields:
            One array, float32 (b, D), for each stage.

        Raises:
            OnnxFailedError: If ONNX Runtime fails.
        """
        for start in range(0, len(inputs), ONNX_BATCH_SIZE):
            batch = inputs[start : start + ONNX_BATCH_SIZE]
            count = len(batch)
            if count < ONNX_BATCH_SIZE:
                filling = np.zeros((ONNX_BATCH_SIZE - count, *batch.shape[1:]), batch.dtype)
                batch = np.concatenate((batch, filling))
            yield [features[:count] for features in self._run_session(batch)]

    def _run_session(self, batch: np.ndarray) -> list[np.ndarray]:
        try:
            return self._session.run(None, {INPUT_NAME: np.ascontiguousarray(batch)})
        except Exception as error:  # ONNX Runtime's errors share no base
            raise OnnxFailedError(describe_error(error)) from error


def describe_error(error: Any) -> str:
    """Return the kind and the beginning of the message of an error, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
