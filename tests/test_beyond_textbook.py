"""Options beyond the textbook are runs like the others: trained, looked at, exported, reloaded."""

import runpy
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from answered_runs import make_data_set
from PIL import Image
from safetensors.torch import load_file

from transfer_core import cases
from transfer_core.cases import list_strategies
from transfer_core.dataset import PixelArray
from transfer_core.errors import SettingsError
from transfer_core.export import export_run
from transfer_core.export.bundle import import_bundle
from transfer_core.features import cached_embedding, runtime_choice
from transfer_core.features.embedding import embed
from transfer_core.features.preprocessing import normalise
from transfer_core.inspection.attribution import compute_attribution
from transfer_core.inspection.attribution_split import split_network
from transfer_core.inspection.embedding_map import embed_test_images
from transfer_core.inspection.out_of_distribution import load_or_fit_detector
from transfer_core.inspection.prediction import classify, load_test_predictions, predict_proba
from transfer_core.inspection.trained_network import load_trained_network
from transfer_core.networks import get_network
from transfer_core.networks.head import compute_head_inputs
from transfer_core.networks.network_builder import load_pretrained
from transfer_core.networks.option_keys import find_strategy, plan_same_option
from transfer_core.networks.surgery import adapt, summarise_network
from transfer_core.networks.train_mode import set_train_mode_except_frozen
from transfer_core.runs import head_training, preparation
from transfer_core.runs.launch import launch_run, make_run_config, start_engine
from transfer_core.runs.perform import perform_run
from transfer_core.timing.forecast import are_embeddings_cached
from transfer_core.training.config import list_setting_values

SOURCE = get_network("demonstration")
SOURCES = (SOURCE, get_network("efficientnet_lite0").with_input_size(64))
OPTIONS = [(each, key) for each in SOURCES for key in list_strategies(each.stage_names, each.kind)]
BEYOND = ("all-stages", "last-stages", "first-stages")


def plan(source, key, **changes):
    """The strategy of an option, trained for an epoch on small batches."""
    strategy = find_strategy(source, key)
    optimiser = replace(strategy.optimiser, **{"epochs": 1, "batch_size": 4} | changes)
    return replace(strategy, optimiser=optimiser)


def make_images(source, count=4):
    shape = count, 3, source.input_size, source.input_size
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", autouse=True)
def short_baseline():
    """Let the new layer that is trained alone learn for an epoch only."""
    settings = replace(cases.HEAD_SETTINGS, epochs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cases, "HEAD_SETTINGS", settings)
        patch.setattr(head_training, "HEAD_SETTINGS", settings)
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A data folder for all tests of this module: what they train is trained once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def data(home):
    """Twelve images to learn from and six to test, in two classes."""
    return make_data_set(home, test_images=3)


@pytest.fixture(scope="module")
def trained(data, home):
    """A function that returns the network of a run of an option."""

    @cache
    def train(key):
        strategy = plan(SOURCE, key, views=1 if key == "all-stages" else 0)
        with start_engine(home) as engine:
            run = launch_run(engine, data, SOURCE, strategy, 3)
            assert engine.wait(run, timeout=120).result
        return load_trained_network(home, run)

    return train


@pytest.mark.parametrize(("source", "key"), OPTIONS, ids=[f"{s.name}-{k}" for s, k in OPTIONS])
def test_a_run_trains_what_its_option_says_and_nothing_else(source, key, data, home, tmp_path):
    strategy = plan(source, key)
    config = make_run_config(data, source, strategy, 0)
    *_, result = perform_run(config, tmp_path, home, lambda: False)
    assert 0 <= result.accuracy <= 1
    weights, original = load_file(tmp_path / "network.safetensors"), load_pretrained(source)
    before = original.state_dict()
    for name, value in weights.items():
        stage = name.split(".")[0]
        if stage in strategy.frozen:
            assert torch.equal(value, before[name]), name
        elif stage != "head" and name.endswith("weight"):
            assert not torch.equal(value, before[name]), name


def test_each_option_is_found_by_its_own_key_and_another_key_names_them():
    for source in SOURCES:
        for key, strategy in list_strategies(source.stage_names, source.kind).items():
            assert strategy.key == key and find_strategy(source, key) == strategy
    with pytest.raises(SettingsError, match="2-conv9.*1, 2-fc1, .*all-stages"):
        find_strategy(SOURCE, "2-conv9")


@pytest.mark.parametrize("key", ["1", "3", "4-random", *BEYOND])
def test_an_option_is_the_same_on_another_network(key):
    small, large = SOURCES
    assert plan_same_option(find_strategy(small, key), large) == find_strategy(large, key)


def test_no_gradient_is_computed_for_frozen_first_stages_and_it_passes_frozen_last_ones():
    for key in ("last-stages", "first-stages"):
        strategy = find_strategy(SOURCE, key)
        network = adapt(SOURCE, strategy, 2, 0)
        set_train_mode_except_frozen(network, strategy.frozen)
        features, needs_gradient = make_images(SOURCE), []
        for stage in network:
            features = stage(features)
            needs_gradient.append(features.requires_grad)
        features.sum().backward()
        graded = [all(p.grad is not None for p in stage.parameters()) for stage in network]
        assert graded == [name not in strategy.frozen for name, _ in network.named_children()]
        assert needs_gradient == [key == "first-stages"] * 3 + [True] * 3


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_head_over_all_stages_reads_what_the_stages_embed_side_by_side(source):
    network = adapt(source, find_strategy(source, "all-stages"), 3, 0)
    pixels = np.random.default_rng(0).integers(0, 256, (4, source.input_size, source.input_size, 3))
    pixels, stages = pixels.astype(np.uint8), source.stage_names[:-1]
    embedded = embed(load_pretrained(source), pixels, source, stages)
    with torch.inference_mode():
        images = normalise(pixels, source)
        read = compute_head_inputs(network, images)
        assert torch.equal(network(images), network.head.linear(read))
    assert np.allclose(read, np.concatenate([embedded[name] for name in stages], 1), atol=1e-5)
    head = summarise_network(source, find_strategy(source, "all-stages"), 3)[-1]
    assert head.weights == 3 * (read.shape[1] + 1) and "all kept stages" in head.note


def test_the_head_over_all_stages_takes_embeddings_that_the_whole_network_left_in_the_cache(
    tmp_path, monkeypatch
):
    data, strategy = make_data_set(tmp_path, test_images=3), plan(SOURCE, "all-stages")
    network, stages = load_pretrained(SOURCE), SOURCE.stage_names[:-1]
    images = PixelArray(tmp_path, data, SOURCE.transform)

    def embed_stages(names):
        cached_embedding.load_or_embed(tmp_path, data.id, network, images, SOURCE, names)
        return are_embeddings_cached(tmp_path, data, SOURCE, strategy)

    assert [embed_stages(stages[-1:]), embed_stages(stages)] == [False, True]
    of_run, of_network = (
        runtime_choice.compute_fingerprint(each, stages)
        for each in (adapt(SOURCE, strategy, 2, 0), network)
    )
    assert of_run == of_network  # so both choose the same runtime, which is part of the key
    monkeypatch.setattr(preparation, "embed_with_runtime", pytest.fail)
    config = make_run_config(data, SOURCE, strategy, 0)
    *_, result = perform_run(config, tmp_path, tmp_path, lambda: False)
    assert result.images == 6


@pytest.mark.parametrize("key", BEYOND)
def test_a_run_beyond_the_textbook_can_be_looked_at(key, trained, home):
    network = trained(key)
    width = 10_240 if key == "all-stages" else 512
    seen = embed_test_images(home, network)
    assert seen.before.shape == (6, width) and seen.after_is_logits == (key == "all-stages")
    detector = load_or_fit_detector(home, network)
    assert detector.embeddings.shape[1] == width
    kept = load_test_predictions(home, network.record.id)
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    found = compute_attribution(network.network, SOURCE, pixels[0], [0, 1])
    assert kept.probabilities.shape == (6, 2) and found.maps.shape == (2, 8, 8)
    assert ("not shown" in found.describe()) == (key == "all-stages")
    if key == "all-stages":
        expected = torch.softmax(torch.from_numpy(seen.after), 1).numpy()
        assert np.allclose(kept.probabilities[seen.positions], expected, atol=1e-4)


def test_maps_of_a_head_over_all_stages_are_of_the_network_itself():
    for source in SOURCES:
        network = adapt(source, find_strategy(source, "all-stages"), 3, 0)
        images = make_images(source, 1)
        below, above = split_network(network, images)
        with torch.inference_mode():
            assert torch.allclose(above(below(images)), network(images), atol=1e-4)


@pytest.mark.parametrize("key", BEYOND)
def test_a_run_beyond_the_textbook_is_exported_and_is_the_same_afterwards(
    key, trained, home, tmp_path, monkeypatch, capsys
):
    network = trained(key)
    run = network.record
    assert run.name.endswith(f", {run.config.strategy.title.lower()}")
    for name in ("bundle", "script-with-images", "report"):
        export_run(home, run.id, name, tmp_path / name)
    assert run.config.strategy.title in (tmp_path / "report" / "report.html").read_text()
    bundle = import_bundle(home, tmp_path / "bundle" / "bundle.zip")
    again = load_trained_network(home, bundle.id)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    assert np.array_equal(predict_proba(network, pixels), predict_proba(again, pixels))
    monkeypatch.setattr(sys, "argv", ["train.py"])
    capsys.readouterr()
    runpy.run_path(str(tmp_path / "script-with-images" / "train.py"))
    assert f"test accuracy {run.result.accuracy:.4f}" in capsys.readouterr().out


def test_a_head_over_all_stages_is_written_as_onnx_and_with_its_example(
    trained, home, tmp_path, monkeypatch, capsys
):
    network = trained("all-stages")
    export_run(home, network.record.id, "onnx", tmp_path / "onnx")  # checks the answers
    export_run(home, network.record.id, "weights", tmp_path)
    Image.new("RGB", (64, 64), (250, 100, 20)).save(tmp_path / "one.png")
    monkeypatch.setattr(sys, "argv", ["predict.py", str(tmp_path / "one.png")])
    runpy.run_path(str(tmp_path / "predict.py"))
    found = classify(network, None, (tmp_path / "one.png").read_bytes()).probabilities
    likeliest, share = max(found.items(), key=lambda each: each[1])
    assert f"{likeliest} {share:.1%}" in capsys.readouterr().out


def test_settings_have_an_effect_by_what_is_trained_not_by_whether_anything_is_frozen(data):
    shown = {
        key: {f.name for f, _ in list_setting_values(make_run_config(data, SOURCE, each, 0))}
        for key, each in list_strategies(SOURCE.stage_names, SOURCE.kind).items()
    }
    assert shown["last-stages"] == shown["first-stages"] == shown["3"]
    assert shown["all-stages"] == shown["1"]
    assert "augment" in shown["3"] and "views" in shown["1"]
