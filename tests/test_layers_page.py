"""The page Layers: the way through the network, one stage, one channel, before and after."""

import numpy as np
import pytest
from test_pages import build_page, data, finished, list_texts, own_engine, read_query  # noqa: F401

from pages.parts.layers import image_choice, way_through
from pages.shared import caches
from pages.shared.caches import LookedAt
from transfer_core import dataset
from transfer_core.networks import get_network
from transfer_core.system import get_home
from transfer_core.transferability import LayerTransferPoint, save_points

CAPTIONS = {"Where in this image", "Made for it"}


@pytest.fixture
def no_made_images(monkeypatch):
    """Leave out the slowest part of the page."""
    grey = np.full((8, 8, 3), 127, np.uint8)
    monkeypatch.setattr(caches, "make_exciting_image", lambda *_: grey)


def list_captions(app) -> set[str]:
    return {picture.caption for image in app.get("image") for picture in image.proto.imgs}


def read_first_image(data) -> bytes:
    """The image that the page begins with."""
    return dataset.read_image_bytes(get_home(), data, image_choice.list_images(data, 0)[0])


def test_without_images_a_sample_goes_through_the_network():
    app = build_page("layers", layers_network="demonstration").run()
    assert not app.exception and not app.error
    assert "Convolution 1 responds to edges and colours" in list_texts(app)
    assert list_captions(app) >= CAPTIONS
    app.select_slider(key="layers_stage").set_value("fc1").run()
    assert not app.exception
    assert "Fully connected 1 responds to combinations of features" in list_texts(app)
    assert read_query(app, "layers_stage") == "fc1"
    assert "Where in this image" not in list_captions(app)  # the positions are left behind
    assert "**Unit " in list_texts(app)
    app.toggle(key="layers_all").set_value(True).run()
    assert not app.exception and read_query(app, "layers_all") == "True"


def test_an_image_of_the_data_set_shows_what_excites_a_channel_in_it(no_made_images, data):
    app = build_page("layers", data=data.id, layers_stage="conv2", layers_channel="5").run()
    assert not app.exception
    assert "**Channel 6**: what excites it?" in list_texts(app)
    assert any("What excites it most in colours" in each for each in list_captions(app))
    app.select_slider(key="layers_stage").set_value("conv3").run()
    stage = caches.run_layers(LookedAt("demonstration"), read_first_image(data)).stages[2]
    strongest = int(stage.rank_channels()[0])
    assert f"**Channel {strongest + 1}**" in list_texts(app)  # another stage, its own channel
    assert read_query(app, "layers_channel") == str(strongest)


def test_a_run_is_shown_before_and_after_its_training(no_made_images, data, finished):
    app = build_page("layers", data=data.id, run=finished).run()
    assert not app.exception
    texts = list_texts(app)
    assert "**Before training**" in texts and "**After training**" in texts
    assert "Training has not changed this stage: it was frozen" in texts
    before, after = (LookedAt("demonstration", finished, each) for each in ("before", "after"))
    shown = {each: caches.run_layers(each, read_first_image(data)) for each in (before, after)}
    titles, shares = zip(
        *(way_through.list_likely_classes(each, run) for each, run in shown.items()), strict=True
    )
    assert titles == ("Before training", "After training")
    assert {name for name, _ in shares[1]} == {"blue", "green", "red"}
    assert shares[0] != shares[1]  # the new layer has learned


@pytest.mark.parametrize("query", [{"run": "0123456789abcdef"}, {"layers_stage": "conv9"}])
def test_what_the_address_names_and_is_not_there_is_left_out(no_made_images, query):
    app = build_page("layers", layers_network="demonstration", **query).run()
    assert not app.exception and not app.error
    assert "Convolution 1 responds to" in list_texts(app)


def test_an_uploaded_file_that_is_no_image_is_told_plainly():
    app = build_page("layers", layers_network="demonstration", layers_way="file").run()
    assert "Choose an image" in app.info[0].value
    app.file_uploader(key="layers_file").set_value(("a.png", b"no image", "image/png")).run()
    assert not app.exception and app.error


def test_the_experiment_says_its_time_first_and_shows_what_was_measured(
    data, transfer_home, monkeypatch
):
    monkeypatch.setattr(caches, "time_layer_transfer", lambda *_: 2.0)
    address = {"data": data.id, "layers_network": "demonstration", "layers_view": "transfer"}
    app = build_page("layers", **address).run()
    assert not app.exception
    assert "81 short trainings" in list_texts(app) and "about 2 min 42 s" in list_texts(app)
    assert "the first two layers transfer without loss" in list_texts(app)
    save_points(
        transfer_home,
        data,
        get_network("demonstration"),
        (LayerTransferPoint("own-pretrained-frozen", 1, 0, 0.75),),
    )
    app.run()
    assert "80 short trainings" in list_texts(app)
    assert [button.label for button in app.button if button.key == "layers_measure"] == [
        "Go on measuring"
    ]
    assert app.get("plotly_chart") and app.dataframe


def test_points_arrive_while_the_experiment_runs(data, monkeypatch):
    points = tuple(LayerTransferPoint("own-pretrained-frozen", cut, 0, 0.5) for cut in (1, 2))

    def measure(data_id, network, progress):
        yield points[:1]
        yield points

    monkeypatch.setattr(caches, "time_layer_transfer", lambda *_: 2.0)
    monkeypatch.setattr(caches, "measure_layer_transfer", measure)
    address = {"data": data.id, "layers_network": "demonstration", "layers_view": "transfer"}
    app = build_page("layers", **address).run()
    app.button(key="layers_measure").click().run()
    assert not app.exception
