"""The page of networks: choosing one, its weights, and what the other pages make of it."""

import importlib.util
import json

import pytest
import torch
from safetensors.torch import save
from test_pages import build_page, data, list_texts, own_engine  # noqa: F401  (fixtures)
from uploading import upload

from transfer_core.errors import NetworkError
from transfer_core.networks import (
    TIMM_CATALOG_FILE,
    get_network,
    list_networks,
    timm_catalog,
    torchvision_modules,
)
from transfer_core.networks.download import HOST_SETTING
from transfer_core.timing import forecast
from transfer_core.timing.step_costs import StepCosts
from transfer_core.transferability import network_probe, network_ranking

NAME = "squeezenet1_1"
ACCURACIES = {"demonstration": (0.7, 0.6, 0.8), NAME: (0.9, 0.85, 0.95)}  # with their intervals


def find_button(app, key: str):
    return next(each for each in app.button if each.key == key)


def open_network(name: str):
    app = build_page("networks").run()
    return app.selectbox[1].set_value(name).run()  # the first is the language


def make_own_weights(classes: int = 5) -> bytes:
    torch.manual_seed(0)
    return save(torchvision_modules.build_model(NAME, classes, 224).state_dict())


def test_all_networks_are_listed():
    app = build_page("networks").run(timeout=120)
    assert not app.exception
    assert len(app.dataframe[0].value) == len(list_networks()) == 96


def test_without_images_there_is_a_way_to_bring_some_in():
    app = build_page("networks").run(timeout=120)
    assert app.get("page_link")[0].proto.label == "Bring images in to compare"
    assert "networks_compare" not in [each.key for each in app.button]


@pytest.fixture
def two_networks(monkeypatch):
    """The demonstration network and SqueezeNet, whose measured worth and times are made up."""

    def probe(data_set, source, home, indices, groups, *, progress):
        progress("Embedding images", len(indices), len(indices))
        return ACCURACIES[source.name]

    listed = [get_network("demonstration"), get_network(NAME)]
    monkeypatch.setattr(network_probe, "probe_network", probe)
    monkeypatch.setattr(network_ranking, "list_present_networks", lambda: tuple(listed))
    monkeypatch.setattr(forecast, "load_or_measure_costs", lambda *of: StepCosts(*[1.0] * 6))
    monkeypatch.setattr(forecast, "load_or_measure_decoding", lambda *of: 1.0)


def test_networks_are_compared_and_one_click_takes_one(data, two_networks):  # noqa: F811
    app = build_page("networks", data=data.id).run(timeout=120)
    find_button(app, "networks_compare").click().run(timeout=120)
    assert not app.exception and not app.error
    assert "networks_compare" not in [each.key for each in app.button]  # nothing is left to do
    texts = list_texts(app)
    assert "Take **SqueezeNet 1.1**: it is better than the others" in texts
    assert texts.index("SqueezeNet 1.1** :green") < texts.index("**Demonstration network**\n")
    assert "Case 3: " in texts and "not timed yet" not in texts
    assert "images are done already" not in texts
    assert "commercial use: no" in texts
    assert find_button(app, "networks_take_demonstration").disabled
    find_button(app, f"networks_take_{NAME}").click().run()
    assert not app.exception
    assert app.session_state["journey"].network == NAME


def test_a_tie_is_recommended_to_the_smaller_network(data, two_networks, monkeypatch):  # noqa: F811
    monkeypatch.setitem(ACCURACIES, "demonstration", (0.88, 0.8, 0.95))
    monkeypatch.setattr(forecast, "are_embeddings_cached", lambda *of: True)
    app = build_page("networks", data=data.id).run(timeout=120)
    find_button(app, "networks_compare").click().run(timeout=120)
    texts = list_texts(app)
    assert "**SqueezeNet 1.1** may be no better, and is larger." in texts
    assert "Demonstration network** :green-badge[:material/star: recommended]" in texts
    assert texts.count("its images are done already") == 2


def test_a_network_that_fails_has_its_error_in_its_row(data, two_networks, monkeypatch):  # noqa: F811
    def fail(data_set, source, *of, **options):
        if source.name == NAME:
            raise NetworkError("The weights are damaged.", found="a byte", remedy="Fetch them.")
        return ACCURACIES[source.name]

    monkeypatch.setattr(network_probe, "probe_network", fail)
    app = build_page("networks", data=data.id).run(timeout=120)
    find_button(app, "networks_compare").click().run(timeout=120)
    assert not app.exception
    assert [each.value for each in app.error] == [r"The weights are damaged. Fetch them."]
    assert find_button(app, "networks_take_demonstration")
    assert find_button(app, "networks_compare").label == "Try those with an error again"


def test_filters_leave_what_was_asked_for():
    app = build_page("networks").run()
    app.text_input(key="networks_name").set_value("resnet18").run()
    assert list(app.dataframe[0].value["network"]) == ["ResNet 18-D (timm)", "ResNet 18"]
    app.text_input(key="networks_name").set_value("no such network").run()
    assert not app.exception and "Loosen the filters" in app.info[-1].value


def test_weights_that_cannot_be_downloaded_are_told_with_the_way_on(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv(HOST_SETTING, "http://127.0.0.1:9/models/")
    app = open_network("resnet18")
    find_button(app, "networks_download").click().run()
    assert not app.exception
    assert "could not be downloaded" in app.error[0].value
    assert "--network" not in list_texts(app)
    find_button(app, "layout_demonstration").click().run()
    assert not app.exception and not app.error
    assert "This network is used now" in app.success[0].value


def test_a_network_without_its_weights_is_not_decided_on(data, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("decide", "train"):
        app = build_page(name, data=data.id, network="resnet18").run()
        assert not app.exception
        assert "weights of ResNet 18 are not on this computer" in app.info[0].value
        find_button(app, "layout_demonstration").click().run()
        assert not app.exception and not app.info
        assert "Demonstration network" in list_texts(app)


def test_own_weights_are_taken_in_used_and_kept_in_the_address(data):  # noqa: F811
    app = open_network(NAME)
    upload(app, "networks_upload", "mine.safetensors", make_own_weights())
    assert not app.exception and not app.error
    assert "This network is used now" in app.success[0].value
    journey = app.session_state["journey"]
    assert get_network(journey.network).title == "SqueezeNet 1.1, your mine.safetensors"
    decided = build_page("decide", data=data.id, network=journey.network).run(timeout=120)
    assert not decided.exception and not decided.error
    assert "your mine" in list_texts(decided)
    assert "Too few images to say" in list_texts(decided)  # so nothing is said of a percentage
    assert decided.query_params["network"] in (journey.network, [journey.network])


def test_a_pickle_is_refused_with_the_line_that_converts_it():
    app = open_network(NAME)
    upload(app, "networks_upload", "model.pth", b"\x80\x04cposix\nsystem\n.")
    assert not app.exception
    assert "Only safetensors files" in app.error[0].value
    assert "torch.load('model.pth'" in app.code[0].value


def test_another_network_drops_the_option_that_it_does_not_have(data):  # noqa: F811
    app = build_page("decide", data=data.id, option="2-conv1").run()
    assert app.session_state["journey"].option == "2-conv1"
    app = build_page("decide", data=data.id, option="2-conv1", network="vgg11").run()
    assert app.session_state["journey"].option is None


def test_any_network_of_timm_is_found_described_and_told_when_the_hub_is_away(
    transfer_home, monkeypatch, tmp_path
):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    app = build_page("networks").run()
    search = next(each for each in app.text_input if "networks_timm_text" in each.key)
    search.set_value("test resnet").run(timeout=60)
    found = next(each for each in app.selectbox if "networks_timm_chosen" in each.key)
    app = found.set_value("test_resnet.r160_in1k").run(timeout=60)
    assert not app.exception
    assert "you may use the weights, and what you train from them, commercially too" in list_texts(
        app
    )
    find_button(app, "networks_download").click().run()
    assert "could not be downloaded" in app.error[0].value
    assert "the hub cannot be reached" in list_texts(app)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("timm.vit_small_patch14_reg4_dinov2.lvd142m", "It knows no classes, only features."),
        ("timm.convnext_nano.in12k_ft_in1k", "1,000 classes, 224"),
    ],
)
def test_only_networks_that_know_classes_have_their_number_shown(name, told):
    texts = list_texts(open_network(name))
    assert told in texts and " 1 class" not in texts


@pytest.mark.parametrize(
    ("outputs", "are_classes"),
    [(1, False), (512, False), (1000, True), (1280, False), (11821, True)],
)
def test_outputs_that_are_an_embedding_are_not_called_classes(outputs, are_classes):
    values = next(
        each
        for each in json.loads(TIMM_CATALOG_FILE.read_text(encoding="utf-8"))["networks"]
        if "convnext_nano" in each["name"]
    )
    changed = values | {"card": values["card"] | {"classes": outputs}}
    assert timm_catalog._parse_network(changed).knows_classes == are_classes


def test_networks_of_timm_are_shown_with_the_command_that_installs_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "timm" else find(name, *a)
    )
    app = open_network("timm.convnext_nano.in12k_ft_in1k")
    assert not app.exception
    assert "pip install timm" in [each.value for each in app.code]
    table = app.dataframe[0].value
    assert sum(table["weights"] == "to install") >= 12
