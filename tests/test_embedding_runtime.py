"""The runtime of embeddings: equal answers, one choice a network, torch where ONNX fails."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer

from transfer_core.features import embedding_runtime, onnx_stages, runtime_choice
from transfer_core.features.cached_embedding import load_or_embed
from transfer_core.features.embedding import embed, embed_with_runtime
from transfer_core.features.embedding_runtime import EmbeddingRuntime, make_runtime
from transfer_core.features.onnx_stages import OnnxFailedError, OnnxStages
from transfer_core.features.pooled_stages import _build_pooling_matrix
from transfer_core.features.preprocessing import normalise, normalise_array
from transfer_core.features.runtime_choice import (
    CHECKED_IMAGES,
    MIN_IMAGES,
    TOLERANCE,
    choose_runtime,
    compute_difference,
    compute_fingerprint,
    recall_runtime,
    remember_runtime,
)
from transfer_core.networks import build_untrained, get_network, load_pretrained
from transfer_core.networks.torchvision_modules import flatten_model
from transfer_core.networks.torchvision_stages import build_staged_network
from transfer_core.system import WorkStopped, ignore_progress

SOURCE = get_network("demonstration")
STAGES = ("conv1", "conv3", "fc2")
FAMILIES = {  # sides of the input, in pixels; EfficientNet-Lite2 at its own size halves odd sides
    "resnet18": 64,
    "mobilenet_v3_small": 64,
    "densenet121": 64,
    "googlenet": 64,
    "efficientnet_lite0": 72,
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The choices of this test alone."""
    monkeypatch.setenv("TRANSFER_MACHINE_FOLDER", str(tmp_path))
    return tmp_path / "runtimes"


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (MIN_IMAGES + 3, 64, 64, 3), np.uint8)


@pytest.fixture
def network() -> nn.Sequential:
    return load_pretrained(SOURCE)


def embed_by(name: str, network, pixels, source=SOURCE, stages=STAGES, **options):
    return embed_with_runtime(
        network, pixels, source, stages, runtime=make_runtime(name), **options
    )


def choose(network, pixels, stages=("fc2",), progress=ignore_progress) -> EmbeddingRuntime:
    return choose_runtime(network, pixels, SOURCE, stages, progress=progress)


def pretend_speeds(monkeypatch, onnx: float, torch_speed: float) -> list[float]:
    """Let both runtimes compute, and tell these speeds; returns those that are left to tell."""
    left, time_batches = [onnx, torch_speed], runtime_choice._time_batches
    monkeypatch.setattr(
        runtime_choice, "_time_batches", lambda *of: (time_batches(*of)[0], left.pop(0))
    )
    return left


def build_small_transformer() -> nn.Sequential:
    """A vision transformer of two layers, whose attention torch fuses and the exporter cannot."""
    model = VisionTransformer(64, 32, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32)
    modules = flatten_model(model)
    return build_staged_network(modules, {f"stage{n}": (path,) for n, path in enumerate(modules)})


@pytest.mark.parametrize("name", [*FAMILIES, "vision transformer"])
def test_both_runtimes_give_the_same_features_at_every_stage(name):
    if name in FAMILIES:
        source = get_network(name).with_input_size(FAMILIES[name])
        network = build_untrained(source, num_classes=5)
    else:
        source, network = SOURCE, build_small_transformer()
    shape = 10, FAMILIES.get(name, 64), FAMILIES.get(name, 64), 3
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    # Several cut points in one pass; the last batch is filled up.
    stages = tuple(name for name, _ in network.named_children())
    ours, torchs = (
        embed_by(runtime, network, pixels, source, stages) for runtime in ("onnxruntime", "torch")
    )
    assert list(ours) == list(torchs) == list(stages)
    for stage in stages:
        assert ours[stage].shape == torchs[stage].shape and ours[stage].dtype == np.float32
        assert compute_difference([ours[stage]], [torchs[stage]]) < TOLERANCE


def test_every_batch_has_the_same_size_and_stages_come_in_the_asked_order(
    network, pixels, monkeypatch
):
    sizes, run = [], OnnxStages._run_session

    def record(self, batch):
        sizes.append(len(batch))
        return run(self, batch)

    monkeypatch.setattr(OnnxStages, "_run_session", record)
    found = embed_by("onnxruntime", network, pixels, stages=("fc2", "conv1"))
    assert set(sizes) == {onnx_stages.ONNX_BATCH_SIZE} and len(sizes) == len(pixels) // 8 + 1
    assert list(found) == ["fc2", "conv1"] and found["fc2"].shape == (len(pixels), 512)


def test_changed_images_go_through_the_same_session(network, pixels):
    def invert(batch, source, device):
        return normalise(255 - batch, source, device)

    changed = embed_by("onnxruntime", network, pixels, preprocess=invert)
    expected = embed_by("torch", network, 255 - pixels)
    assert all(np.allclose(changed[stage], expected[stage], atol=TOLERANCE) for stage in STAGES)


def test_arrays_are_normalised_as_tensors_are(pixels):
    assert np.allclose(normalise_array(pixels, SOURCE), normalise(pixels, SOURCE), atol=1e-6)


@pytest.mark.parametrize(("height", "width", "cells"), [(7, 7, 4), (8, 8, 4), (3, 5, 4), (2, 2, 1)])
def test_the_pooling_matrix_averages_as_torch_does(height, width, cells):
    maps = torch.randn(2, 3, height, width)
    expected = nn.functional.adaptive_avg_pool2d(maps, cells).flatten(2)
    matrix = torch.from_numpy(_build_pooling_matrix(height, width, cells))
    assert torch.allclose(maps.flatten(2) @ matrix, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("speeds", "chosen"), [((200, 38), "onnxruntime"), ((40, 38), "torch"), ((9, 38), "torch")]
)
def test_the_faster_runtime_is_chosen_and_the_reason_has_the_figures(
    speeds, chosen, network, pixels, monkeypatch
):
    pretend_speeds(monkeypatch, *speeds)
    runtime = choose(network, pixels)
    assert runtime.name == chosen and "largest difference" in runtime.reason
    assert all(f"{speed} " in runtime.reason for speed in speeds)


def test_a_choice_is_measured_once_and_holds_for_other_heads(network, pixels, monkeypatch):
    pretend_speeds(monkeypatch, 200, 38)
    first = choose(network, pixels)
    network.fc3 = nn.Linear(512, 3)
    assert choose(network, pixels, ("fc2", "fc3")) == first  # nothing is left to pretend
    assert "too few" in choose(network, pixels[:2]).reason  # so a run repeated later is the same
    assert len(pixels) >= MIN_IMAGES > CHECKED_IMAGES


def test_changed_weights_are_another_network(network):
    before = compute_fingerprint(network, ("fc2",))
    with torch.no_grad():
        network.conv2.conv.weight[0, 0, 0, 0] += 1e-3
    assert compute_fingerprint(network, ("fc2",)) != before
    assert compute_fingerprint(network, ("conv1",)) != compute_fingerprint(network, ("fc2",))


def test_features_that_differ_keep_torch(network, pixels, monkeypatch):
    pretend_speeds(monkeypatch, 200, 38)
    run = OnnxStages._run_session
    monkeypatch.setattr(
        OnnxStages, "_run_session", lambda self, batch: [f + 2e-3 for f in run(self, batch)]
    )
    runtime = choose(network, pixels)
    assert runtime.name == "torch" and "differ by 0.00" in runtime.reason


def test_not_a_number_never_agrees():
    ours, torchs = [np.array([[1.0, np.nan]])], [np.ones((1, 2))]
    assert runtime_choice._decide(200, 38, compute_difference(ours, torchs)).name == "torch"


class Unknown(nn.Module):
    """A layer that no exporter knows."""

    def forward(self, images):
        return torch.linalg.lstsq(images.flatten(2), images.flatten(2)).solution


def test_a_network_that_cannot_be_exported_is_embedded_by_torch(pixels):
    network = nn.Sequential()
    network.add_module("conv", nn.Conv2d(3, 3, 8, 8))
    network.add_module("solve", Unknown())
    found = embed(network, pixels, SOURCE, ("solve",))["solve"]
    assert np.isfinite(found).all()
    runtime = recall_runtime(compute_fingerprint(network, ("solve",)), SOURCE)
    assert runtime.name == "torch" and runtime.reason.startswith("ONNX Runtime cannot run it")
    assert len(runtime.reason) < 250


def test_weights_that_no_onnx_file_can_hold_are_left_to_torch(network, pixels, monkeypatch):
    monkeypatch.setattr(onnx_stages, "MAX_ONNX_BYTES", 1000)
    assert "more than an ONNX file" in choose(network, pixels).reason


def fail_at_second_batch(monkeypatch):
    calls, run = [], OnnxStages._run_session

    def run_or_fail(self, batch):
        calls.append(batch)
        if len(calls) > 1:
            raise OnnxFailedError("RuntimeException: out of luck")
        return run(self, batch)

    monkeypatch.setattr(OnnxStages, "_run_session", run_or_fail)


def test_a_session_that_fails_on_the_way_costs_time_and_nothing_else(network, pixels, monkeypatch):
    fingerprint = compute_fingerprint(network, ("fc2",))
    remember_runtime(fingerprint, SOURCE, make_runtime("onnxruntime", "fast"))
    fail_at_second_batch(monkeypatch)
    found = embed(network, pixels, SOURCE, ("fc2",))["fc2"]
    assert np.array_equal(found, embed_by("torch", network, pixels)["fc2"])
    assert "out of luck" in recall_runtime(fingerprint, SOURCE).reason


def test_the_cache_keeps_runtimes_and_versions_apart(network, pixels, monkeypatch, tmp_path):
    fingerprint = compute_fingerprint(network, ("fc2",))

    def embed_again():
        return load_or_embed(tmp_path, "set", network, pixels, SOURCE, ("fc2",))[1]

    def list_folders():
        return {file.parent.name for file in (tmp_path / "embeddings").rglob("fc2.npy")}

    for name in ("onnxruntime", "torch"):
        remember_runtime(fingerprint, SOURCE, make_runtime(name, "told so"))
        assert embed_again().name == name
    assert list_folders() == {make_runtime(name).key for name in ("onnxruntime", "torch")}
    versions = {"torch": "2.0", "onnxruntime": "9.9"}
    monkeypatch.setattr(
        runtime_choice,
        "make_runtime",
        lambda name, reason="": EmbeddingRuntime(name, versions[name], reason),
    )
    assert recall_runtime(fingerprint, SOURCE) is None  # another version is measured anew
    pretend_speeds(monkeypatch, 200, 38)
    assert embed_again().key == "onnxruntime-9.9"
    assert "onnxruntime-9.9" in list_folders()


def test_a_cached_embedding_says_what_made_it_after_a_failure(
    network, pixels, monkeypatch, tmp_path
):
    fingerprint = compute_fingerprint(network, ("fc2",))
    remember_runtime(fingerprint, SOURCE, make_runtime("onnxruntime", "fast"))
    fail_at_second_batch(monkeypatch)
    embeddings, runtime = load_or_embed(tmp_path, "set", network, pixels, SOURCE, ("fc2",))
    (file,) = (tmp_path / "embeddings").rglob("fc2.npy")
    assert runtime.name == "torch" and file.parent.name == runtime.key
    assert np.array_equal(np.load(file), embeddings["fc2"])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "abacus", "reason": ""}', '{"a": 1}'])
def test_a_damaged_choice_is_made_again(content, network, pixels, folder, monkeypatch):
    pretend_speeds(monkeypatch, 200, 38)
    folder.mkdir()
    file = runtime_choice._get_file(compute_fingerprint(network, ("fc2",)), SOURCE)
    file.write_text(content)
    assert choose(network, pixels).name == "onnxruntime"
    assert json.loads(file.read_text())["name"] == "onnxruntime"


def test_threads_that_ask_at_once_measure_once(network, pixels, folder, monkeypatch):
    left, found = pretend_speeds(monkeypatch, 200, 38), []
    threads = [
        threading.Thread(target=lambda: found.append(choose(network, pixels))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left == [] and len(found) == 4 and len(set(found)) == 1
    assert [file.suffix for file in folder.iterdir()] == [".json"]


def test_where_nothing_can_be_written_the_choice_is_made_anyway(
    network, pixels, folder, monkeypatch
):
    folder.parent.joinpath("runtimes").write_text("a file in the way")
    pretend_speeds(monkeypatch, 200, 38)
    assert choose(network, pixels).name == "onnxruntime"


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch"])
def test_progress_counts_every_image_and_may_end_the_work(runtime, network, pixels):
    done = []
    embed_by(runtime, network, pixels, progress=lambda _, *counts: done.append(counts))
    assert done[-1] == (len(pixels), len(pixels)) and done == sorted(set(done))

    def stop(*_):
        raise WorkStopped

    with pytest.raises(WorkStopped):
        embed_by(runtime, network, pixels, progress=stop)
    with pytest.raises(WorkStopped):
        choose(network, pixels, progress=stop)


def test_another_precision_and_another_device_stay_with_torch(network, pixels):
    with torch.autocast("cpu", torch.bfloat16):
        assert "precision" in choose(network, pixels).reason
    assert "GPU" in choose(network.to("meta"), pixels).reason


def test_an_input_size_has_a_choice_of_its_own(network):
    fingerprint = compute_fingerprint(network, ("fc2",))
    remember_runtime(fingerprint, SOURCE, make_runtime("onnxruntime", "fast"))
    assert recall_runtime(fingerprint, replace(SOURCE, input_size=96)) is None


def test_a_runtime_names_the_installed_version():
    runtime = make_runtime("torch", "asked to")
    assert runtime.version == torch.__version__ and runtime.key == f"torch-{torch.__version__}"
    assert embedding_runtime.make_runtime("onnxruntime").key.startswith("onnxruntime-1.")
