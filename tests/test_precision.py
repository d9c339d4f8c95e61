"""Measurements of this processor, with a clock that the test controls."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from transfer_core.networks import get_network
from transfer_core.networks.depthwise import is_depthwise
from transfer_core.runs.perform import perform_run
from transfer_core.runs.store.store import RunStore
from transfer_core.system import precision
from transfer_core.system.precision import autocast, choose_precision, is_channels_last_faster
from transfer_core.training import step_format
from transfer_core.training.step_format import StepFormat, choose_step_format


@pytest.fixture
def seconds(monkeypatch):
    """Sets how long a step takes in each way."""
    told = {}
    monkeypatch.setattr(precision, "_build_timed_step", lambda *way: lambda: told[way])
    for measured in (choose_precision, is_channels_last_faster):
        measured.cache_clear()
    yield told
    for measured in (choose_precision, is_channels_last_faster):
        measured.cache_clear()


@pytest.mark.parametrize(("coarse", "answer"), [(0.5, "bfloat16"), (0.95, "float32")])
def test_the_coarser_format_is_taken_only_where_it_is_clearly_faster(coarse, answer, seconds):
    seconds |= {("bfloat16", True): coarse, ("float32", True): 1.0}
    assert choose_precision("cpu") == answer


@pytest.mark.parametrize("last", [0.8, 1.2])
def test_the_layout_is_the_faster_one_in_the_runs_format(last, seconds):
    seconds |= {("bfloat16", True): last, ("bfloat16", False): 1.0}
    assert is_channels_last_faster("cpu", "bfloat16") == (last < 1)


def test_the_real_steps_can_be_taken():
    for way in (("bfloat16", True), ("float32", True), ("float32", False)):
        assert precision._build_timed_step(*way)() > 0


@pytest.fixture
def step_seconds(monkeypatch):
    """Sets how long a step of a network itself takes in each format; returns who was timed."""
    told, timed = {}, []

    def build(source, way):
        timed.append(source.name)
        return lambda: told[way.precision, way.channels_last]

    monkeypatch.setattr(step_format, "_build_timed_step", build)
    monkeypatch.setattr(step_format, "_measured", {})
    return told, timed


@pytest.mark.parametrize(
    ("first", "coarse", "answer"),
    [
        (2.0, 0.5, StepFormat("bfloat16", True)),
        (2.0, 0.95, StepFormat("float32", True)),
        (0.7, 0.65, StepFormat("float32", False)),
    ],
)
def test_a_network_of_depthwise_convolutions_is_timed_itself_and_once(
    first, coarse, answer, step_seconds, seconds
):
    told, timed = step_seconds
    told |= {("float32", True): 1.0, ("float32", False): first, ("bfloat16", True): coarse}
    seconds |= {("bfloat16", True): 0.1, ("bfloat16", False): 1.0, ("float32", True): 1.0}
    for _ in range(2):
        assert choose_step_format(get_network("efficientnet_lite0"), "cpu") == answer
    assert len(timed) == 3
    for name in ("demonstration", "efficientnet_b7"):  # ordinary, and too heavy
        assert choose_step_format(get_network(name), "cpu") == StepFormat("bfloat16", True)
    assert len(timed) == 3


def test_a_real_step_of_a_network_can_be_timed_and_draws_no_random_numbers():
    source = get_network("efficientnet_lite0").with_input_size(32)
    state = torch.get_rng_state()
    assert step_format._build_timed_step(source, StepFormat("float32", True))() > 0
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("efficientnet_lite0", True),
        ("mobilenet_v3_small", True),
        ("demonstration", False),
        ("resnet18", False),
        ("resnext50_32x4d", False),
        ("convnext_tiny", False),
        ("vit_b_16", False),
    ],
)
def test_which_networks_are_made_of_depthwise_convolutions(name, answer):
    assert is_depthwise(get_network(name)) is answer


def test_the_result_of_a_frozen_run_does_not_depend_on_what_a_stopwatch_finds(made, tmp_path):
    """Processors with bfloat16 train whole networks in it; frozen stages are float32 anywhere."""
    home, run, _ = made
    logits = []
    for fastest in ("float32", "bfloat16"):
        shutil.copytree(home / "data", tmp_path / fastest / "data")  # without embeddings
        config = replace(RunStore(home).get(run).config, precision=fastest)
        folder = tmp_path / fastest / "run"
        folder.mkdir()
        for _event in perform_run(config, folder, tmp_path / fastest, lambda: False):
            pass
        logits.append(np.load(folder / "test_logits.npy"))
    assert np.array_equal(*logits)


def test_products_are_computed_in_the_format_and_only_within():
    one = torch.ones(2, 2)
    with autocast("bfloat16"):
        assert (one @ one).dtype == torch.bfloat16
    assert (one @ one).dtype == torch.float32
