"""Embeddings: computed once, in the number format asked for."""

import numpy as np
import pytest
import torch

from transfer_core.features.embedding import embed, normalise
from transfer_core.features.embedding_cache import get_cache_folder
from transfer_core.networks import get_network
from transfer_core.networks.surgery import pool_features
from transfer_core.networks.weights_file import load_pretrained

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


def test_the_coarser_format_gives_nearly_the_same_embeddings_as_float32(pixels):
    network = load_pretrained(SOURCE)
    exact = embed(network, pixels, SOURCE, ("fc2",))["fc2"]
    coarse = embed(network, pixels, SOURCE, ("fc2",), precision="bfloat16")["fc2"]
    assert coarse.dtype == np.float32 and (coarse != exact).any()
    lengths = np.linalg.norm(coarse, axis=1) * np.linalg.norm(exact, axis=1)
    assert ((coarse * exact).sum(1) / lengths).min() > 0.999


def test_embeddings_in_different_formats_are_kept_apart(tmp_path):
    key = tmp_path, "0" * 20, SOURCE, "transform", np.arange(3)
    assert get_cache_folder(*key, "float32") != get_cache_folder(*key, "bfloat16")
