"""Embeddings: the pooled outputs of stages, float32 on every machine."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from transfer_core.features.embedding import embed, embed_with_runtime, normalise
from transfer_core.features.embedding_runtime import make_runtime
from transfer_core.networks import get_network
from transfer_core.networks.head import pool_features
from transfer_core.networks.network_builder import load_pretrained

SOURCE = get_network("demonstration")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """More than one batch of them."""
    return np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), np.uint8)


@pytest.mark.parametrize("stage", ["conv1", "conv3", "fc2"])
def test_embeddings_are_the_pooled_outputs_of_the_stage(pixels, stage):
    network = load_pretrained(SOURCE)
    through = network[: SOURCE.stage_names.index(stage) + 1].eval()
    with torch.inference_mode():
        expected = pool_features(through(normalise(pixels, SOURCE))).numpy()
    found = embed(network, pixels, SOURCE, (stage,))[stage]
    assert np.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("fails", [False, True])
def test_convolutions_are_not_rounded_to_tf32_while_embedding_alone(pixels, fails, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    network, seen = load_pretrained(SOURCE), []

    def look(*_) -> None:
        seen.append(torch.backends.cudnn.allow_tf32)
        if fails:
            raise ArithmeticError

    network.conv1.register_forward_hook(look)
    with pytest.raises(ArithmeticError) if fails else nullcontext():
        embed_with_runtime(network, pixels, SOURCE, ("conv1",), runtime=make_runtime("torch"))
    assert seen and not any(seen) and torch.backends.cudnn.allow_tf32
