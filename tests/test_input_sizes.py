"""Input sizes: which a network takes, and that everything about a run follows the chosen one."""

import json
import subprocess
import sys

import pytest
import torch
from test_command_line import colours, read_lines  # noqa: F401  (fixture)
from torchvision import models

from transfer_core import images
from transfer_core.cli.main import main
from transfer_core.inspection.prediction import load_trained_network
from transfer_core.networks import get_network
from transfer_core.networks.input_sizes import list_input_sizes
from transfer_core.runs.store.config_json import from_json, to_json
from transfer_core.runs.store.store import RunStore
from transfer_core.training.config import RunConfig


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("demonstration", (64, 32)),
        ("resnet18", (224, 160, 128)),
        ("alexnet", (224, 160, 128)),
        ("swin_v2_t", (256, 192, 128)),
        ("vit_b_32", (224,)),
        ("maxvit_t", (224,)),
    ],
)
def test_the_sizes_that_a_network_takes_are_found_by_trying(name, sizes):
    assert list_input_sizes(get_network(name)) == sizes


@pytest.mark.parametrize("name", ["resnet18", "swin_t", "vit_b_32"])
def test_torchvisions_own_network_takes_the_sizes_found_and_no_others_that_were_tried(name):
    model = models.get_model(name, weights=None).eval()
    for size in (160, 128):
        try:
            model(torch.zeros(1, 3, size, size))
        except (RuntimeError, AssertionError):
            assert size not in list_input_sizes(get_network(name))
        else:
            assert size in list_input_sizes(get_network(name))


def test_at_another_size_as_much_of_an_image_is_cut_out():
    source = get_network("resnet18")
    smaller = source.with_input_size(112)
    assert smaller.input_size / smaller.resize == source.input_size / source.resize
    assert smaller.transform == images.Transform(112, 128)
    assert source.with_input_size(None) is source and source.with_input_size(224) is source


@pytest.fixture
def small_run(colours, transfer_home, capsys):  # noqa: F811
    arguments = ["--case", "3", "--epochs", "1", "--input-size", "32", "--seed", "3", "--json"]
    assert main(["train", str(colours), *arguments]) == 0
    return read_lines(capsys)[-1]


def test_a_run_at_another_size_is_restored_at_it(small_run, transfer_home):
    config = RunStore(transfer_home).get(small_run["run"]).config
    assert config.input_size == 32
    trained = load_trained_network(transfer_home, small_run["run"])
    assert trained.transform == images.Transform(32, 32)


def test_the_exported_script_of_a_run_at_another_size_reaches_the_same_accuracy(
    small_run,
    colours,  # noqa: F811
    capsys,
    tmp_path,
):
    out = tmp_path / "out"
    assert main(["export", small_run["run"], "--format", "script", "--to", str(out)]) == 0
    done = subprocess.run(
        [sys.executable, str(out / "train.py"), str(colours)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert f"test accuracy {small_run['test_accuracy']:.4f}" in done.stdout


def test_an_onnx_file_of_a_run_at_another_size_takes_that_size(small_run, capsys, tmp_path):
    out = tmp_path / "out"
    assert main(["export", small_run["run"], "--format", "onnx", "--to", str(out)]) == 0
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(out / "network.onnx")
    assert session.get_inputs()[0].shape[1:] == [3, 32, 32]


def test_a_size_that_the_network_cannot_take_is_refused_with_those_it_can(
    colours,  # noqa: F811
    transfer_home,
    capsys,
):
    assert main(["train", str(colours), "--case", "1", "--input-size", "33"]) == 2
    assert "64, 32 pixels" in capsys.readouterr().err


def test_a_configuration_from_before_input_sizes_is_of_the_networks_own(small_run, transfer_home):
    config = RunStore(transfer_home).get(small_run["run"]).config
    values = json.loads(to_json(config))
    del values["input_size"]
    old = from_json(json.dumps(values))
    assert isinstance(old, RunConfig) and old.source() == get_network("demonstration")
