"""The script that makes the demonstration network, on a toy world; and what it made."""

import io
import json
import sys
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tools import pretraining
from transfer_core.networks import get_network
from transfer_core.networks.network_builder import build_untrained, load_pretrained
from transfer_core.networks.weights_location import BUNDLED_WEIGHTS_FOLDER, find_weights
from transfer_core.system.files import hash_file


def write_toy_world(path, prefix, classes):
    """Noisy pictures, one mean brightness per class, with train/ and val/."""
    noise = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for label in range(classes):
            for number in range(36):
                part = "train" if number < 30 else "val"
                pixels = noise.integers(30 * label, 30 * label + 60, (64, 64, 3), dtype=np.uint8)
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "PNG")
                archive.writestr(f"{part}/{prefix}{label}/{number}.png", buffer.getvalue())
    return str(path)


def test_the_script_trains_continues_and_writes_weights_with_their_card(
    tmp_path, transfer_home, monkeypatch, capsys
):
    worlds = [write_toy_world(tmp_path / f"{name}.zip", name, 3) for name in ("first", "second")]
    options = ["--checkpoint", str(tmp_path / "last.pt"), "--to", str(tmp_path / "out")]
    for epochs in ("1", "2"):  # the second time it goes on from the checkpoint
        arguments = ["pretraining", *worlds, "--small-epochs", epochs, "--full-epochs", "1"]
        monkeypatch.setattr(sys, "argv", [*arguments, *options])
        pretraining.main()
    told = [json.loads(line)["epoch"] for line in capsys.readouterr().out.splitlines()]
    assert told == [1, 2, 3]
    card = json.loads((tmp_path / "out" / "demonstration.json").read_text())
    assert card["classes"] == [f"{name}{i}" for name in ("first", "second") for i in range(3)]
    assert (card["train_images"], card["validation_images"]) == (180, 18)  # of the first
    assert card["further_archives"]["validation_images"] == 18
    weights = load_file(tmp_path / "out" / "demonstration.safetensors")
    assert weights["conv1.conv.weight"].dtype == torch.float16
    assert card["weights_sha256"] == hash_file(tmp_path / "out" / "demonstration.safetensors")


def test_the_bundled_weights_are_the_ones_that_the_card_describes():
    source = get_network("demonstration")
    assert find_weights(source).stat().st_size <= 8_000_000
    assert load_pretrained(source).fc3.out_features == len(source.card["classes"]) == 160 + 64
    assert source.card["validation_accuracy"] >= 0.38
    assert not (BUNDLED_WEIGHTS_FOLDER / "demonstration.pt").exists()


@pytest.mark.slow
def test_the_card_tells_the_accuracy_that_the_weights_have(shared_data, transfer_home):
    """On 1,000 of the validation photos, so within 5 points."""
    source = get_network("demonstration")
    with zipfile.ZipFile(shared_data / "source_photos_160.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("val/"))
        chosen = np.random.default_rng(0).choice([n for n in names if n.endswith(".jpg")], 1000)
        pixels = np.stack(
            [np.asarray(Image.open(archive.open(name)).convert("RGB")) for name in chosen]
        )
    labels = [source.card["classes"].index(name.split("/")[1]) for name in chosen]
    predicted = pretraining.predict_logits(load_pretrained(source), pixels, source).argmax(1)
    accuracy = (predicted == torch.tensor(labels)).float().mean().item()
    assert accuracy == pytest.approx(source.card["validation_accuracy"], abs=0.05)


def test_random_weights_come_from_the_seed():
    source = get_network("demonstration")
    first, again, other = (build_untrained(source, 5, seed).fc3.weight for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
