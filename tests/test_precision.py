"""Measurements of this processor, with a clock that the test controls."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from transfer_core.runs.perform import perform_run
from transfer_core.runs.store.store import RunStore
from transfer_core.system import precision
from transfer_core.system.precision import autocast, choose_precision, is_channels_last_faster


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


@pytest.mark.parametrize("fastest", ["float32", "bfloat16"])
def test_the_result_of_a_frozen_run_does_not_depend_on_what_a_stopwatch_finds(
    fastest, made, tmp_path
):
    """Processors with bfloat16 train whole networks in it; frozen stages are float32 anywhere."""
    home, run, _ = made
    shutil.copytree(home / "data", tmp_path / "data")  # without embeddings
    config = replace(RunStore(home).get(run).config, precision=fastest)
    folder = tmp_path / "run"
    folder.mkdir()
    for _ in perform_run(config, folder, tmp_path, lambda: False):
        pass
    logits = np.load(folder / "test_logits.npy")
    assert np.array_equal(logits, np.load(home / "runs" / run / "test_logits.npy"))


def test_products_are_computed_in_the_format_and_only_within():
    import torch

    one = torch.ones(2, 2)
    with autocast("bfloat16"):
        assert (one @ one).dtype == torch.bfloat16
    assert (one @ one).dtype == torch.float32
