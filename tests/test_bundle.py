"""Bundles: what is taken away is taken in again, and what is no bundle is refused with a reason."""

import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from transfer_core.cli.main import main
from transfer_core.errors import TransferError
from transfer_core.export import export_run
from transfer_core.export.bundle import import_bundle
from transfer_core.inspection.prediction import load_trained_network, predict_proba
from transfer_core.runs.store.store import RunStore

PIXELS = np.random.default_rng(1).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)


@pytest.fixture
def changed(made, tmp_path):
    """A function that writes a bundle with some of its files changed; None leaves one out."""

    def write(**changes):
        with zipfile.ZipFile(made[2]) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        files |= changes.pop("files", {})
        for path, value in changes.items():
            card = place = json.loads(files["card.json"])
            *parents, last = path.split("__")
            for name in parents:
                place = place[name]
            place[last] = value
            files["card.json"] = json.dumps(card).encode()
        with zipfile.ZipFile(tmp_path / "changed.zip", "w") as archive:
            for name, content in files.items():
                if content is not None:
                    archive.writestr(name, content)
        return tmp_path / "changed.zip"

    return write


def change_tensors(made, change) -> bytes:
    """The bundle's weights after a change, as a safetensors file."""
    with zipfile.ZipFile(made[2]) as archive:
        folder = made[2].parent / "weights"
        archive.extract("network.safetensors", folder)
    weights = load_file(folder / "network.safetensors")
    change(weights)
    save_file(weights, folder / "changed.safetensors")
    return (folder / "changed.safetensors").read_bytes()


def test_a_bundle_taken_in_elsewhere_gives_the_same_answers_to_the_bit(made, transfer_home):
    home, run, bundle = made
    taken = import_bundle(transfer_home, bundle)
    first, again = load_trained_network(home, run), load_trained_network(transfer_home, taken.id)
    assert np.array_equal(predict_proba(first, PIXELS), predict_proba(again, PIXELS))
    assert again.classes == first.classes and taken.config == first.record.config
    assert taken.result == first.record.result


def test_a_run_from_a_bundle_is_finished_and_marked_as_imported(made, transfer_home):
    taken = import_bundle(transfer_home, made[2])
    assert taken.is_imported and taken.state == "finished" and taken.name == "colours <b>"
    assert not RunStore(made[0]).get(made[1]).is_imported


def test_the_same_bundle_twice_makes_one_run(made, transfer_home):
    first, second = import_bundle(transfer_home, made[2]), import_bundle(transfer_home, made[2])
    assert first.id == second.id
    assert [path.name for path in (transfer_home / "runs").iterdir()] == [first.id]


def test_a_bundle_of_an_imported_run_is_taken_in_again(made, transfer_home, tmp_path):
    taken = import_bundle(transfer_home, made[2])
    (again,) = export_run(transfer_home, taken.id, "bundle", tmp_path)
    with zipfile.ZipFile(again) as archive:
        card = json.loads(archive.read("card.json"))
    assert card["data"]["images"] == {"train": 18, "validation": 6, "test": 6}
    assert import_bundle(made[0], again).result == taken.result


def test_the_command_line_takes_a_bundle_in_and_predicts(made, transfer_home, capsys, tmp_path):
    assert main(["load", str(made[2]), "--json"]) == 0
    run = json.loads(capsys.readouterr().out)["run"]
    Image.new("RGB", (90, 70), "red").save(tmp_path / "red.png")
    assert main(["predict", run, str(tmp_path / "red.png"), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["probabilities"]) == {"blue <b>", "green", "red"}


def test_an_onnx_file_of_a_run_whose_images_are_not_here_is_refused(made, transfer_home, tmp_path):
    taken = import_bundle(transfer_home, made[2])
    with pytest.raises(TransferError, match="not on this computer"):
        export_run(transfer_home, taken.id, "onnx", tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"files": {"card.json": None}}, "needs one card.json"),
        ({"files": {"network.safetensors": None}}, "needs one network.safetensors"),
        (
            {"files": {"network.safetensors": None, "network.pt": b"PK a pickle"}},
            "can run programs",
        ),
        ({"files": {"network.safetensors": b"\x80\x02}q\x00."}}, "do not fit"),
        ({"files": {"card.json": b"{"}}, "does not say"),
        ({"files": {"../card.json": b"{}"}}, "climbs out"),
        ({"files": {"/etc/passwd": b"root"}}, "absolute path"),
        ({"format": "transfer lab card 99"}, "99"),
        ({"classes": ["blue <b>", "green"]}, "other classes"),
        ({"classes": ["blue <b>", "green", "red\n"]}, "proper name"),
        ({"classes": ["only"]}, "fewer than two"),
        ({"result__accuracy": 7}, "outside 0 to 1"),
        ({"result__accuracy": "high"}, "result.accuracy"),
        ({"result__confusion": []}, "another size"),
        ({"result__confusion": [[-1, 0, 0]] * 3}, "fewer than no images"),
        ({"config__seed": -1}, "seed"),
        ({"config__strategy__optimiser__learning_rate": 1e9}, "learning_rate"),
        ({"config__network": "../../etc/passwd"}, "no source network"),
        ({"config__strategy__keep_through": "nowhere"}, "does not fit the network"),
        ({"config__strategy__keep_through": "fc1"}, "frozen|fit"),
    ],
)
def test_what_is_no_bundle_is_refused_with_what_was_found(changes, told, changed, transfer_home):
    with pytest.raises(TransferError, match=told):
        import_bundle(transfer_home, changed(**changes))
    assert list((transfer_home / "runs").glob("*")) == []
    assert RunStore(transfer_home).list() == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda w: w.update({"conv1.conv.weight": torch.zeros(3)}),
            "is float32, 3, expected",
        ),
        (lambda w: w.pop("head.linear.bias"), "head.linear.bias is missing"),
        (lambda w: w.update({"more": torch.zeros(2)}), "more is float32, 2, expected missing"),
        (lambda w: w["head.linear.bias"].fill_(float("nan")), "no number"),
        (lambda w: w["head.linear.bias"].mul_(2), "not the file that was packed"),
    ],
    ids=["shape", "missing", "too many", "not a number", "another number"],
)
def test_weights_that_do_not_fit_are_named(change, told, made, changed, transfer_home):
    path = changed(files={"network.safetensors": change_tensors(made, change)})
    with pytest.raises(TransferError, match=told):
        import_bundle(transfer_home, path)
    assert list((transfer_home / "runs").iterdir()) == []
