"""Bundles and weights that were made to mislead: each is one plain refusal, and nothing is left.

Catalogue: senseless types, counts and classes. What is no bundle at all is in tests/test_bundle.py.
"""

import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from transfer_core.errors import TransferError
from transfer_core.export.bundle import import_bundle
from transfer_core.networks import get_network, import_weights, load_pretrained
from transfer_core.runs import RunStore

HUGE = 10**30


@pytest.fixture
def bundle_files(made) -> dict[str, bytes]:
    """The files of a good bundle, by name."""
    with zipfile.ZipFile(made[2]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_bundle(files: dict[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def change_weight(files: dict[str, bytes], change) -> None:
    weights = load(files["network.safetensors"])
    change(weights)
    files["network.safetensors"] = save(weights)


def cast(name: str, kind: torch.dtype):
    """What turns one weight into another type."""
    return lambda files: change_weight(files, lambda w: w.update({name: w[name].to(kind)}))


def set_card(**changes):
    """What sets values of the card, by path with __ between the parts."""

    def change(files):
        card = json.loads(files["card.json"])
        for path, value in changes.items():
            *parents, last = path.split("__")
            place = card
            for part in parents:
                place = place[int(part) if part.isdigit() else part]
            place[int(last) if last.isdigit() else last] = value
        files["card.json"] = json.dumps(card).encode()

    return change


def edit_header(**changes):
    """What changes the header of the weights, and leaves their numbers."""

    def change(files):
        content = files["network.safetensors"]
        end = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:end])
        header["head.linear.bias"] |= changes
        text = json.dumps(header).encode()
        files["network.safetensors"] = len(text).to_bytes(8, "little") + text + content[end:]

    return change


def give_classes(number: int):
    """What claims so many classes, everywhere in the card alike."""
    names = [f"class {n}" for n in range(number)]
    each = {"precision": 0.5, "recall": 0.5, "support": 0}
    return set_card(classes=names, result__per_class=[each | {"name": n} for n in names])


BIAS = "head.linear.bias"
CARDS = [  # name, what is changed, what is told
    ("float8 weights", cast(BIAS, torch.float8_e4m3fn), "is float8_e4m3fn, 3, expected float32"),
    ("int64 weights", cast(BIAS, torch.int64), "is int64, 3, expected float32"),
    ("half precision", cast(BIAS, torch.float16), "is float16, 3, expected float32"),
    ("complex weights", cast(BIAS, torch.complex64), "is complex64, 3, expected float32"),
    ("a type that nobody knows", edit_header(dtype="F99"), "cannot be read"),
    ("a shape that lies", edit_header(shape=[HUGE]), "cannot be read"),
    ("an offset that lies", edit_header(data_offsets=[0, 2**62]), "cannot be read"),
    ("no class", give_classes(0), "fewer than two classes"),
    ("1,001 classes", give_classes(1_001), "more than 1,000 classes"),
    ("10^30 images", set_card(result__images=HUGE), "more images"),
    ("10^30 in a cell", set_card(result__confusion__0__0=HUGE), "more images"),
    ("10^30 of a class", set_card(result__per_class__0__support=HUGE), "more images"),
    ("other sums than images", set_card(result__images=7), "more images"),
    ("an endless loss", set_card(result__loss=float("inf")), "loss"),
    ("a precision of 1e300", set_card(result__per_class__0__precision=1e300), "outside 0 to 1"),
    ("10^30 epochs", set_card(config__strategy__optimiser__epochs=HUGE), "epochs"),
    ("a seed of 10^30", set_card(config__seed=HUGE), "seed"),
    ("an input size of 10^9", set_card(config__input_size=10**9), "input_size"),
    ("a name of 100,000 letters", set_card(classes__0="x" * 100_000), "proper name"),
    ("a list for a name", set_card(name=[[]]), "name"),
    ("deep JSON", lambda files: files.update({"card.json": b"[" * 100_000}), "does not say"),
    ("text that is no UTF-8", lambda files: files.update({"card.json": b'"\xff"'}), "does not say"),
]


@pytest.mark.parametrize(("change", "told"), [c[1:] for c in CARDS], ids=[c[0] for c in CARDS])
def test_a_senseless_bundle_is_refused_in_one_sentence(
    change, told, bundle_files, transfer_home, tmp_path
):
    change(bundle_files)
    with pytest.raises(TransferError, match=told) as caught:
        import_bundle(transfer_home, write_bundle(bundle_files, tmp_path / "bundle.zip"))
    assert caught.value.remedy and len(str(caught.value)) < 1_000
    assert list((transfer_home / "runs").glob("*")) == []
    assert RunStore(transfer_home).list() == ()


WEIGHTS = [  # name, what the last layer becomes, what is told
    ("no class", lambda w, b: (w[:0], b[:0]), "tells classes apart"),
    (
        "a million classes",
        lambda w, b: (torch.zeros(1_000_000, 1), torch.zeros(1_000_000)),
        "tells classes apart",
    ),
    ("int64 weights", lambda w, b: (w.long(), b), "of type torch.int64"),
    ("float8 weights", lambda w, b: (w.to(torch.float8_e4m3fn), b), "float8"),
    ("not numbers", lambda w, b: (w * float("nan"), b), "not finite"),
]


@pytest.mark.parametrize(("change", "told"), [w[1:] for w in WEIGHTS], ids=[w[0] for w in WEIGHTS])
def test_senseless_weights_are_refused_in_one_sentence(change, told, transfer_home, tmp_path):
    source = get_network("demonstration")
    weights = dict(load_pretrained(source).state_dict())
    weight, bias = (n for n in weights if n.startswith(source.stages[-1].name))
    weights[weight], weights[bias] = change(weights[weight], weights[bias])
    (tmp_path / "own.safetensors").write_bytes(save(weights))
    with pytest.raises(TransferError, match=told):
        import_weights(tmp_path / "own.safetensors", source)
    assert not list((transfer_home / "weights").glob("*"))
