"""Weights downloaded from a local server in place of the real one, and imported weights."""

import io
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from transfer_core.cli.main import main
from transfer_core.errors import DownloadError, NetworkError
from transfer_core.networks import catalog, get_network, list_networks, torchvision_modules
from transfer_core.networks.download import HOST_SETTING, download_weights
from transfer_core.networks.network_builder import build_untrained, load_pretrained
from transfer_core.networks.own_weights import import_weights
from transfer_core.networks.weights_location import (
    find_weights,
    get_torch_checkpoint_folder,
    get_weights_status,
)
from transfer_core.transferability.similarity_calibration import is_calibrated

NAME = "squeezenet1_1"  # the smallest one to load


class Host:
    """The behaviour of the server with its one file, and the requests that it got."""

    def __init__(self, content: bytes) -> None:
        self.content, self.breaks_after, self.resumes = content, None, True
        self.status, self.asked = 200, []


@contextmanager
def serve_file(host: Host):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            start = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-")
            host.asked.append((self.path, int(start)))
            begin = int(start) if host.resumes else 0
            if host.status != 200 or begin >= len(host.content):
                self.send_error(host.status if host.status != 200 else 416)
                return
            sent = host.content[begin:]
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(sent)))
            if begin:
                last = len(host.content) - 1
                self.send_header("Content-Range", f"bytes {begin}-{last}/{len(host.content)}")
            self.end_headers()
            self.wfile.write(sent[: host.breaks_after])

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/models/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def model():
    """torchvision's own network with random weights, as whoever publishes them has it."""
    torch.manual_seed(0)
    return torchvision_modules.build_model(NAME, 1000, 224).eval()


@pytest.fixture
def published(model, monkeypatch, tmp_path):
    """The network as the catalog would list it, had these weights been published."""
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    digest = sha256(buffer.getvalue()).hexdigest()[:8]
    card = get_network(NAME).card | {"weights_sha256": digest}
    source = replace(get_network(NAME), file=f"{NAME}-{digest}.pth", card=card)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    listed = get_network("demonstration"), source
    monkeypatch.setattr(catalog, "list_published_networks", lambda: listed)
    return source, Host(buffer.getvalue())


@pytest.fixture
def source(published, monkeypatch):
    """The network, its weights to be had from the local server."""
    with serve_file(published[1]) as url:
        monkeypatch.setenv(HOST_SETTING, url)
        yield published[0]


@pytest.fixture
def host(published) -> Host:
    return published[1]


@pytest.mark.parametrize("setting", ["TORCH_HOME", "XDG_CACHE_HOME"])
def test_weights_are_kept_where_torch_keeps_them(setting, monkeypatch, tmp_path):
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv(setting, str(tmp_path))
    assert str(get_torch_checkpoint_folder()) == torch.hub.get_dir() + "/checkpoints"


def test_a_download_gives_the_published_network_with_progress(source, host, model):
    told = []
    assert get_weights_status(source) == "download"
    download_weights(source, progress=lambda *report: told.append(report))
    assert get_weights_status(source) == "cached"
    size = len(host.content) >> 20
    assert told[-1] == ("Downloading, MB", size, size)
    assert host.asked == [(f"/models/{source.file}", 0)]
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(load_pretrained(source)(images), model(images))


def test_weights_that_torch_has_already_are_not_downloaded_again(source, host):
    get_torch_checkpoint_folder().mkdir(parents=True)
    (get_torch_checkpoint_folder() / source.file).write_bytes(host.content)
    download_weights(source)
    assert host.asked == []


@pytest.mark.parametrize("resumes", [True, False], ids=["with ranges", "without ranges"])
def test_a_download_that_broke_off_is_told_and_goes_on_later(source, host, resumes):
    host.breaks_after, host.resumes = 1_500_000, resumes
    with pytest.raises(DownloadError, match="broke off after 1.4 MB"):
        download_weights(source)
    assert get_weights_status(source) == "download"
    host.breaks_after = None
    download_weights(source)
    assert host.asked[1][1] == 1_500_000
    assert find_weights(source).read_bytes() == host.content


def test_weights_of_another_hash_are_thrown_away_unread(source, host):
    host.content = b"\x80\x04cposix\nsystem\n." + host.content
    with pytest.raises(DownloadError, match="thrown away"):
        download_weights(source)
    assert [path.suffix for path in get_torch_checkpoint_folder().iterdir()] == [".lock"]


def test_a_part_of_something_else_is_thrown_away_in_the_end(source, host):
    get_torch_checkpoint_folder().mkdir(parents=True)
    part = find_weights(source).with_name(source.file + ".part")
    part.write_bytes(b"x" * len(host.content))
    with pytest.raises(DownloadError, match="thrown away"):
        download_weights(source)
    download_weights(source)
    assert find_weights(source).read_bytes() == host.content


def test_a_cached_file_of_another_hash_is_never_loaded(source, host):
    get_torch_checkpoint_folder().mkdir(parents=True)
    find_weights(source).write_bytes(b"\x80\x04cposix\nsystem\n.")
    with pytest.raises(NetworkError, match="not the ones its card describes"):
        load_pretrained(source)


@pytest.mark.parametrize("status", [404, 503])
def test_a_server_that_refuses_is_quoted(source, host, status):
    host.status = status
    with pytest.raises(DownloadError, match=f"the server answers {status}"):
        download_weights(source)


def test_without_a_network_the_bundled_one_is_named_as_the_way_on(published, monkeypatch):
    monkeypatch.setenv(HOST_SETTING, "http://127.0.0.1:9/models/")
    with pytest.raises(DownloadError, match="demonstration network is the way on") as told:
        download_weights(published[0])
    assert "refused" in told.value.found


def test_cancelling_ends_a_download_and_keeps_what_came(source, host, monkeypatch):
    monkeypatch.setattr("transfer_core.networks.file_transfer.BLOCK_BYTES", 100_000)

    blocks, part = [], find_weights(source).with_name(source.file + ".part")

    def cancel(what: str, done: int, total: int) -> None:
        blocks.append(done)
        if len(blocks) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_weights(source, progress=cancel)
    assert part.read_bytes() == host.content[:300_000]
    download_weights(source)
    assert host.asked[1][1] == 300_000
    assert find_weights(source).read_bytes() == host.content


def test_offline_the_command_line_fails_with_one_paragraph(
    published, transfer_home, monkeypatch, capsys
):
    monkeypatch.setenv(HOST_SETTING, "http://127.0.0.1:9/models/")
    assert main(["decide", "sample:digits", "--network", NAME]) == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told and "--network demonstration" in told


def test_own_weights_are_taken_in_whatever_classes_they_know(model, transfer_home, tmp_path):
    own = torchvision_modules.build_model(NAME, 7, 224).eval()
    save_file(own.state_dict(), tmp_path / "mine.safetensors")
    source = import_weights(tmp_path / "mine.safetensors", get_network(NAME))
    assert get_network(source.name) == source and get_weights_status(source) == "cached"
    assert len(source.card["classes"]) == 7 and "mine.safetensors" in source.title
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(load_pretrained(source)(images), own(images))


def test_own_weights_of_the_demonstration_network_are_taken_in_too(transfer_home, tmp_path):
    own = build_untrained(get_network("demonstration"), num_classes=4, seed=5)
    save_file(own.state_dict(), tmp_path / "mine.safetensors")
    source = import_weights(tmp_path / "mine.safetensors", get_network("demonstration"))
    assert torch.equal(load_pretrained(source).fc3.weight, own.fc3.weight)
    for question in ("similarity", "forecasts"):
        assert not is_calibrated(source, question)
    assert is_calibrated(get_network("demonstration"), "similarity")


def damage(state: dict, change: str) -> dict:
    name = "features.3.squeeze.weight"
    match change:
        case "missing":
            del state[name]
        case "shape":
            state[name] = state[name][:5].clone()
        case "type":
            state[name] = state[name].int()
        case "not finite":
            state[name][0, 0, 0, 0] = float("nan")
    return state


@pytest.mark.parametrize("change", ["missing", "shape", "type", "not finite"])
def test_the_first_weight_that_does_not_fit_is_named(change, model, transfer_home, tmp_path):
    save_file(damage(model.state_dict(), change), tmp_path / "mine.safetensors")
    with pytest.raises(NetworkError, match=r"features\.3\.squeeze\.weight") as told:
        import_weights(tmp_path / "mine.safetensors", get_network(NAME))
    assert change in told.value.found
    assert all(network.origin != "own" for network in list_networks())


def test_weights_of_another_network_are_refused(model, transfer_home, tmp_path):
    save_file(model.state_dict(), tmp_path / "mine.safetensors")
    with pytest.raises(NetworkError, match="do not fit"):
        import_weights(tmp_path / "mine.safetensors", get_network("resnet18"))


@pytest.mark.parametrize(
    ("name", "loads"),
    [
        ("model.pth", "torch.load('model.pth', map_location='cpu', weights_only=True)"),
        ("model.ckpt", "torch.load("),
        ("model.safetensors", "torch.load("),
        ("model.ts", "torch.jit.load('model.ts').state_dict()"),
        ("model.pt2", "torch.export.load('model.pt2').state_dict"),
    ],
)
def test_other_kinds_of_files_are_refused_unread_with_the_line_that_converts(
    name, loads, model, transfer_home, tmp_path, monkeypatch
):
    torch.save(model.state_dict(), tmp_path / name)
    monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("the file was read"))
    with pytest.raises(NetworkError, match="safetensors files") as told:
        import_weights(tmp_path / name, get_network(NAME))
    assert loads in told.value.remedy


def test_the_line_that_converts_does_convert(model, transfer_home, tmp_path, monkeypatch):
    torch.save(model.state_dict(), tmp_path / "model.pth")
    with pytest.raises(NetworkError) as told:
        import_weights(tmp_path / "model.pth", get_network(NAME))
    line = told.value.remedy.partition("\n")[2].removeprefix('python -c "').removesuffix('"')
    monkeypatch.chdir(tmp_path)
    exec(line)
    assert import_weights(tmp_path / "weights.safetensors", get_network(NAME)).name.startswith(
        f"{NAME}@"
    )


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 40, b"\x08" + b"\0" * 7 + b"{}      "])
def test_files_that_are_no_weights_are_refused(content, transfer_home, tmp_path):
    (tmp_path / "mine.safetensors").write_bytes(content)
    with pytest.raises(NetworkError):
        import_weights(tmp_path / "mine.safetensors", get_network(NAME))


def test_the_command_line_takes_own_weights_in(model, transfer_home, tmp_path, capsys):
    save_file(model.state_dict(), tmp_path / "mine.safetensors")
    arguments = ["networks", "--add", str(tmp_path / "mine.safetensors"), "--of", NAME, "--json"]
    assert main(arguments) == 0
    assert f'"name": "{NAME}@' in capsys.readouterr().out


def test_a_network_that_was_not_measured_is_decided_on_trained_and_exported(
    model, transfer_home, tmp_path, capsys
):
    save_file(model.state_dict(), tmp_path / "mine.safetensors")
    name = import_weights(tmp_path / "mine.safetensors", get_network(NAME)).name
    data = tmp_path / "colours"
    for label, colour in enumerate(("red", "green", "blue")):
        (data / colour).mkdir(parents=True)
        for number in range(20):
            shade = [40 + 5 * number] * 3
            shade[label] = 220
            Image.new("RGB", (40, 30), tuple(shade)).save(data / colour / f"{number}.png")
    assert main(["decide", str(data), "--network", name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["size"]["line"] == 2_000 and "measured" not in told["basis"].values()
    similarity = told["similarity"]
    assert similarity["evidence"]["distance"] is None and similarity["reference_distances"] == []
    unmeasured = [option for option in told["options"] if not option["measured"]]
    forecasts = [option for option in unmeasured if option["accuracy"] is not None]
    assert {option["key"] for option in forecasts} == {"3", "4-pretrained"}
    assert all("Not forecast" in o["note"] for o in unmeasured if o not in forecasts)
    assert all("Carried over" in option["note"] for option in forecasts)
    assert "not checked for this network" in told["similarity"]["warnings"][0]
    options = ["--case", "2", "--epochs", "1", "--network", name, "--json"]
    assert main(["train", str(data), *options]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "finished" and last["case"] == 2
    out = tmp_path / "out"
    assert main(["export", last["run"], "--format", "script", "--to", str(out)]) == 0
    again = subprocess.run(
        [sys.executable, str(out / "train.py"), str(data)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert f"test accuracy {last['test_accuracy']:.4f}" in again.stdout
    # The trained network does not need the weights that it began with.
    find_weights(get_network(name)).unlink()
    assert main(["predict", last["run"], str(data / "red" / "3.png"), "--json"]) == 0


def test_names_of_weights_from_before_torchvision_renamed_them_are_understood():
    named = torchvision_modules.update_weight_name
    assert (
        named("features.denseblock1.denselayer1.norm.1.weight")
        == "features.denseblock1.denselayer1.norm1.weight"
    )
    layer = "encoder.layers.encoder_layer_0.mlp"
    assert named(f"{layer}.linear_2.bias") == f"{layer}.3.bias"
    assert named("aux1.conv.conv.weight") is None and named("AuxLogits.fc.bias") is None
