"""timm's networks: described, cut into stages, and loaded from a stand-in for the hub."""

import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from hashlib import sha256

import huggingface_hub
import pytest
import timm
import torch
from hub import Hub, serve_hub
from safetensors.torch import load_file, save, save_file
from torch.nn import functional

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.cli.main import main
from transfer_core.errors import DownloadError, NetworkError
from transfer_core.networks import (
    adapt,
    build_untrained,
    download_weights,
    get_network,
    get_weights_status,
    import_weights,
    init_empty_weights,
    list_networks,
    list_timm_tags,
    load_pretrained,
    set_train_mode_except_frozen,
    surgery,
    timm_modules,
)
from transfer_core.networks.hub_cache import find_hub_file, get_hub_cache
from transfer_core.networks.network_builder import build_with_weights
from transfer_core.system import DrawFrom, make_generator

TAGS = {  # convolutions, tokens, maps (B, H, W, C), a layer between pooling and classifier
    "test_resnet.r160_in1k": ["stage1", "stage2", "stage3", "stage4", "stage5"],
    "test_vit.r160_in1k": ["stage1", "stage2", "stage3", "stage4"],
    "mambaout_femto.in1k": ["stage1", "stage2", "stage3", "stage4"],
    "mobilenetv4_conv_small_050.e3000_r224_in1k": [
        "stage1",
        "stage2",
        "stage3",
        "stage4",
        "stage5",
    ],
}
TAG = "test_resnet.r160_in1k"
REPOSITORY = f"timm/{TAG}"


@pytest.fixture(autouse=True)
def machine(transfer_home, monkeypatch, tmp_path):
    """A machine without downloads that cannot reach the hub."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def model() -> torch.nn.Module:
    """timm's own network, with random weights as its publisher has them."""
    return build_random_model(TAG)


@pytest.fixture
def hub(monkeypatch, model):
    """The stand-in, which has these weights."""
    hub = Hub()
    hub.repositories[REPOSITORY] = {"model.safetensors": save(model.state_dict())}
    with serve_hub(hub) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield hub


def build_random_model(tag: str) -> torch.nn.Module:
    """timm's own network with weights that leave no layer without effect."""
    torch.manual_seed(0)
    model = timm.create_model(tag, pretrained=False)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point() and value.ndim == 1:
                value.uniform_(0.5, 1.5) if "bias" not in name else value.uniform_(-0.5, 0.5)
    return model.eval()


def make_images(source, count: int = 2) -> torch.Tensor:
    size = source.input_size
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_twelve_networks_are_listed_at_once_and_without_timm():
    code = (
        "import sys; sys.modules['timm'] = None\n"
        "from transfer_core.networks import list_networks, get_network\n"
        "listed = [n for n in list_networks() if n.library == 'timm']\n"
        "assert len(listed) == 12 and 'torch' not in sys.modules\n"
        "assert all(n.card['licence'].endswith('commercially too.') for n in listed)\n"
        "from transfer_core.errors import NetworkError\n"
        "from transfer_core.networks import download_weights, load_pretrained\n"
        "for act in (load_pretrained, download_weights, summarise):\n"
        "    try: act(listed[0])\n"
        "    except NetworkError as error: assert 'pip install timm' in error.remedy, error\n"
        "    else: raise AssertionError\n"
    ).replace("summarise", "lambda n: get_network('timm.resnet10t.c3_in1k')")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_any_network_of_timm_is_described_when_it_is_asked_for_and_then_without_timm():
    before = len(list_networks())
    source = get_network(f"timm/{TAG}")
    assert source == get_network(f"timm.{TAG}") == list_networks()[-1]
    assert len(list_networks()) == before + 1
    code = (
        f"import sys; from transfer_core.networks import get_network; get_network('timm.{TAG}'); "
    )
    code += "assert 'torch' not in sys.modules and 'timm' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_told_with_names_like_it():
    assert len(list_timm_tags()) > 1_800
    with pytest.raises(NetworkError, match="timm.resnet18.a1_in1k"):
        get_network("timm.resnet18.a1_in2k")


@pytest.mark.parametrize("tag", ["crossvit_9_240.in1k", "coat_mini.in1k"])
def test_a_network_that_cannot_be_cut_is_refused_with_the_reason(tag):
    with pytest.raises(NetworkError, match="several tensors pass between its layers"):
        get_network(f"timm.{tag}")


@pytest.mark.parametrize("tag", TAGS)
def test_the_stages_give_the_logits_of_timms_network_and_the_cases_operate(tag, tmp_path):
    source, model = get_network(f"timm.{tag}"), build_random_model(tag)
    assert source.stage_names == (*TAGS[tag], "features", "classifier")
    if "vit" not in tag:
        source = source.with_input_size(96)  # quicker
    network = build_with_weights(source, model.state_dict()).eval()
    images = make_images(source)
    with torch.inference_mode():
        expected, found = model(images), network(images)
        torch.testing.assert_close(found, expected)
        shapes = surgery.infer_output_shapes(source)
        for stage in source.stage_names:
            images = getattr(network, stage)(images)
            assert images.shape[1:] == shapes[stage]
    assert len(shapes["features"]) == 1 and len(shapes["stage1"]) == (2 if "vit" in tag else 3)
    if "vit" not in tag:  # maps have their channels first
        assert shapes["stage1"][1] == shapes["stage1"][2]
    for case in (TransferCase.SMALL_DIFFERENT, TransferCase.LARGE_DIFFERENT):
        check_case(
            source, plan_strategy(case, source.stage_names, kind=source.kind), tmp_path, network
        )


def check_case(source, strategy, folder, pretrained) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surgery, "load_pretrained", lambda source: pretrained)
        network = adapt(source, strategy, num_classes=3, seed=0)
    frozen = network[: len(strategy.frozen)].state_dict()
    before = {name: value.clone() for name, value in frozen.items()}
    set_train_mode_except_frozen(network, strategy.frozen)
    functional.cross_entropy(network(make_images(source)), torch.tensor([0, 2])).backward()
    torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1).step()
    assert all(torch.equal(value, before[name]) for name, value in frozen.items())
    save_file(network.state_dict(), folder / "network.safetensors")
    with init_empty_weights():
        again = adapt(source, replace(strategy, initialise="random"), num_classes=3, seed=1)
    saved = load_file(folder / "network.safetensors")
    again.load_state_dict({k: v.clone() for k, v in saved.items()}, assign=True)
    with torch.inference_mode():
        images = make_images(source)
        assert torch.equal(network.eval()(images), again.eval()(images))


def test_tables_that_no_weights_file_has_are_there_without_memory_for_weights():
    source = get_network("timm.tiny_vit_5m_224.dist_in22k_ft_in1k")
    real = dict(build_untrained(source, num_classes=3).named_buffers())
    with init_empty_weights():
        empty = dict(build_untrained(source, num_classes=3).named_buffers())
    tables = [name for name in real if name.endswith("attention_bias_idxs")]
    assert tables and all(torch.equal(real[name], empty[name]) for name in tables)


def test_other_weights_are_used_as_soon_as_they_are_loaded():
    """Some of timm's layers remember what they looked up in the weights before."""
    source = get_network("timm.tiny_vit_5m_224.dist_in22k_ft_in1k")
    network, other = (build_untrained(source, num_classes=3, seed=seed) for seed in (0, 1))
    with torch.inference_mode():
        for each in (network, other):
            for name, value in each.named_parameters():
                if name.endswith("attention_biases"):
                    value.normal_(std=3)
        images = make_images(source, 1)
        before = network(images)
        network.load_state_dict(other.state_dict())
        assert not torch.equal(network(images), before)
        torch.testing.assert_close(network(images), other(images))


def test_dropout_that_is_no_module_acts_in_training_only():
    source = get_network("timm.repghostnet_050.in1k").with_input_size(64)
    with DrawFrom(make_generator(0)):  # which changes dropout: it must not be cut away
        assert surgery.infer_output_shapes(source)["features"] == (1280,)
    network, images = build_untrained(source, num_classes=3), make_images(source)
    maps = network[:-2](images).detach()
    assert torch.equal(network.features(maps), network.features(maps))
    set_train_mode_except_frozen(network, source.stage_names[:-2])
    assert (network.features(maps) == 0).float().mean() > 0.1
    set_train_mode_except_frozen(network, source.stage_names)
    assert torch.equal(network.features(maps), network.features(maps))


def test_other_threads_use_their_networks_while_one_is_cut(model):
    wrong, done = [], threading.Event()
    layer, images = torch.nn.Sequential(torch.nn.Linear(4, 4)), torch.ones(2, 4)
    expected = layer(images)

    def compute():
        while not done.is_set():
            if not torch.equal(layer(images), expected):
                wrong.append(True)

    thread = threading.Thread(target=compute)
    thread.start()
    for _ in range(10):
        timm_modules.trace_model(model)
    done.set()
    thread.join()
    assert not wrong


def test_a_download_gives_the_published_network_with_progress(hub, model):
    told, source = [], get_network(f"timm.{TAG}")
    assert get_weights_status(source) == "download"
    download_weights(source, progress=lambda *report: told.append(report))
    source = get_network(f"timm.{TAG}")
    assert get_weights_status(source) == "cached" and source in list_networks()
    content = hub.repositories[REPOSITORY]["model.safetensors"]
    assert source.weights_hash == sha256(content).hexdigest()
    assert told[-1] == ("Downloading, MB", len(content) >> 20, len(content) >> 20)
    images = make_images(source)
    with torch.inference_mode():
        torch.testing.assert_close(load_pretrained(source)(images), model(images))


def test_weights_in_the_hubs_cache_are_used_offline(hub, monkeypatch):
    huggingface_hub.hf_hub_download(
        REPOSITORY,
        "model.safetensors",
        cache_dir=get_hub_cache(),
        endpoint=os.environ["HF_ENDPOINT"],
    )
    asked = len(hub.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    source = get_network(f"timm.{TAG}")
    assert get_weights_status(source) == "cached" and len(source.weights_hash) == 64
    download_weights(source)
    load_pretrained(source)
    assert len(hub.asked) == asked


def test_a_download_that_broke_off_is_told_and_goes_on_later(hub):
    hub.breaks_at = 250_000
    content = hub.repositories[REPOSITORY]["model.safetensors"]
    hub.repositories[REPOSITORY]["model.safetensors"] = content + bytes(3_000_000)
    with pytest.raises(DownloadError, match="broke off after 0.2 MB"):
        download_weights(get_network(f"timm.{TAG}"))
    assert get_weights_status(get_network(f"timm.{TAG}")) == "download"
    hub.breaks_at, hub.asked = None, []
    download_weights(get_network(f"timm.{TAG}"))
    ranges = [asked[2] for asked in hub.asked if asked[0] == "GET"]
    assert len(ranges) == 1 and int(ranges[0].removeprefix("bytes=").rstrip("-")) == 250_000


def test_cancelling_ends_a_download(hub):
    def cancel(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_weights(get_network(f"timm.{TAG}"), progress=cancel)
    assert get_weights_status(get_network(f"timm.{TAG}")) == "download"
    download_weights(get_network(f"timm.{TAG}"))


def refuse_to_read(*arguments, **options):
    pytest.fail("a pickle was read")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (None, "no such repository"),
        (
            {"pytorch_model.bin": b"\x80\x04cposix\nsystem\n."},
            "files of other forms are never read",
        ),
    ],
    ids=["no repository", "only a pickle"],
)
def test_what_the_hub_does_not_have_as_safetensors_is_refused(hub, files, reason, monkeypatch):
    monkeypatch.setattr(torch, "load", refuse_to_read)
    hub.repositories = {REPOSITORY: files} if files else {}
    with pytest.raises(DownloadError, match=reason):
        download_weights(get_network(f"timm.{TAG}"))
    assert not any("bin" in path for _, path, _ in hub.asked)


@pytest.mark.parametrize(
    ("offline", "reason"), [("", "cannot be reached"), ("1", "HF_HUB_OFFLINE forbids")]
)
def test_without_the_hub_the_reason_and_the_way_on_are_told(offline, reason, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    with pytest.raises(DownloadError, match=reason) as told:
        download_weights(get_network(f"timm.{TAG}"))
    assert "demonstration network" in told.value.remedy


def test_what_has_another_hash_than_the_hub_says_is_thrown_away(hub):
    hub.digest = "0" * 64
    with pytest.raises(DownloadError, match="thrown away"):
        download_weights(get_network(f"timm.{TAG}"))
    assert get_weights_status(get_network(f"timm.{TAG}")) == "download"


def test_weights_that_were_altered_after_the_download_are_not_read(hub):
    download_weights(get_network(f"timm.{TAG}"))
    path = find_hub_file(REPOSITORY).resolve()
    path.write_bytes(save({"fc.weight": torch.zeros(1)}))
    with pytest.raises(NetworkError, match="not those that were downloaded"):
        load_pretrained(get_network(f"timm.{TAG}"))


def test_weights_of_another_network_are_told(hub):
    hub.repositories[REPOSITORY]["model.safetensors"] = save({"fc.weight": torch.zeros(1)})
    download_weights(get_network(f"timm.{TAG}"))
    with pytest.raises(NetworkError, match="of another network"):
        load_pretrained(get_network(f"timm.{TAG}"))


def test_a_network_without_classes_gives_features_at_224_pixels(monkeypatch, hub):
    tag = "vit_small_patch14_reg4_dinov2.lvd142m"
    source = get_network(f"timm.{tag}")
    assert source.input_size == 224 and len(source.card["classes"]) == 1
    published = timm.create_model(tag, pretrained=False).eval()  # at 518 pixels
    hub.repositories[f"timm/{tag}"] = {"model.safetensors": save(published.state_dict())}
    download_weights(source)
    source = get_network(source.name)
    network = load_pretrained(source)
    expected = timm.create_model(
        tag,
        pretrained=True,
        pretrained_cfg_overlay={"file": str(find_hub_file(f"timm/{tag}"))},
        img_size=224,
        num_classes=0,
    ).eval()
    with torch.inference_mode():
        images = make_images(source, 1)
        torch.testing.assert_close(network[:-1](images), expected(images))
        assert network(images).tolist() == [[0.0]]


def test_own_weights_of_one_of_its_networks_are_taken_in(tmp_path):
    own = timm.create_model(TAG, pretrained=False, num_classes=7).eval()
    save_file(own.state_dict(), tmp_path / "mine.safetensors")
    source = import_weights(tmp_path / "mine.safetensors", get_network(f"timm.{TAG}"))
    assert get_network(source.name) == source and source in list_networks()
    images = make_images(source)
    with torch.inference_mode():
        torch.testing.assert_close(load_pretrained(source)(images), own(images))


@pytest.mark.thorough
def test_many_networks_of_many_families_go_through_everything(tmp_path):
    results = tmp_path / "results.jsonl"
    command = [sys.executable, "-m", "benchmarks.timm_networks", "--results", str(results)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    passed, tried, families = map(int, re.findall(r"(\d+) (?:of|networks|families)", told)[:3])
    assert passed >= 150 and families >= 40 and "pickles read: 0" in told, told


@pytest.mark.slow
def test_it_is_trained_by_command_and_every_export_gives_its_answers(hub, made, tmp_path, capsys):
    data = made[0].parent / "colours.zip"
    assert (
        main(
            [
                "train",
                str(data),
                "--case",
                "1",
                "--epochs",
                "1",
                "--network",
                f"timm.{TAG}",
                "--json",
            ]
        )
        == 0
    )
    told = capsys.readouterr()
    assert "Apache-2.0: you may use the weights" in told.err  # before the download
    last = json.loads(told.out.splitlines()[-1])
    assert last["event"] == "finished"
    for form in ("script", "onnx", "bundle"):
        assert main(["export", last["run"], "--format", form, "--to", str(tmp_path / form)]) == 0
    command = [sys.executable, str(tmp_path / "script" / "train.py"), str(data)]
    again = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert f"test accuracy {last['test_accuracy']:.4f}" in again.stdout
