"""The page Playground: sliders, presets with a guess, a run of it, and how much is enough."""

import pytest
from test_pages import build_page, list_texts, own_engine, read_query  # noqa: F401
from zips import make_picture, write_zip

from pages.parts.playground.presets import compare
from pages.shared import caches
from transfer_core import dataset
from transfer_core.transferability import HeadTrial


@pytest.fixture
def data(transfer_home, tmp_path):
    files = {
        f"{split}/{name}/{number}.png": make_picture(100 * label + 10 * part + number, (64, 64))
        for label, name in enumerate(("ant", "bee", "cat"))
        for part, (split, count) in enumerate({"train": 8, "val": 4, "test": 3}.items())
        for number in range(count)
    }
    return dataset.ingest(write_zip(tmp_path / "given.zip", files), home=transfer_home)


def read_metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_without_images_a_sample_is_one_click_away():
    app = build_page("playground").run()
    app.button(key="playground_sample").click().run(timeout=120).run()
    assert not app.exception
    assert read_query(app, "data")
    assert read_metrics(app)["Validation accuracy"].endswith("%")


def test_a_moved_slider_trains_at_once_and_the_address_keeps_it(data):
    app = build_page("playground", data=data.id).run()
    assert "4 (default)" in app.select_slider(key="head_rate").options
    before = read_metrics(app)
    app.select_slider(key="head_images").set_value(1).run()
    app.select_slider(key="head_epochs").set_value(5).run()
    assert not app.exception
    assert read_metrics(app)["95 % interval"] != before["95 % interval"]
    kept = {name: read_query(app, name) for name in app.query_params}
    assert kept == {"data": data.id, "head_images": "1", "head_epochs": "5"}
    again = build_page("playground", **kept).run()
    accuracy = caches.try_head(
        data.id, "demonstration", HeadTrial(images_per_class=1, epochs=5)
    ).accuracy
    assert read_metrics(again)["Validation accuracy"] == f"{accuracy:.1%}"
    app.button(key="playground_default").click().run()
    assert read_metrics(app) == before
    assert "head_images" not in app.query_params


def test_a_preset_asks_first_and_then_compares_the_guess(data):
    app = build_page("playground", data=data.id).run()
    app.button(key="playground_try_One class missing").click().run()
    assert "Predict first" in list_texts(app)
    assert "head_missing" not in app.query_params
    app.button(key="playground_guess_up").click().run()
    assert read_query(app, "head_missing") == "0"
    said = list_texts(app)
    assert "You said up" in said and "0 of its 4 validation images are right" in said
    result, default = (
        caches.try_head(data.id, "demonstration", trial)
        for trial in (HeadTrial(missing_class=0), HeadTrial())
    )
    assert f"it is {compare(result, default)}" in said
    app.select_slider(key="head_epochs").set_value(20).run()
    assert "You said" not in list_texts(app)


def test_values_of_another_data_set_are_left_out(data):
    app = build_page("playground", data=data.id, head_classes="2", head_missing="2").run()
    assert not app.exception
    assert app.selectbox(key="head_missing").value == -1
    assert app.select_slider(key="head_classes").value == 2
    app = build_page("playground", data=data.id, head_images="500", head_rate="nothing").run()
    assert (app.select_slider(key="head_images").value, read_query(app, "data")) == (None, data.id)


def test_a_run_with_these_settings_ends_with_the_accuracy_shown(data):
    app = build_page("playground", data=data.id, head_rate="10.0", head_epochs="20").run()
    shown = read_metrics(app)["Validation accuracy"]
    app.button(key="playground_run").click().run()
    assert not app.exception and app.title[0].value == "Train"
    engine = caches.get_engine()
    (run,) = engine.list_runs()
    engine.wait(run.id, timeout=60)
    assert f"{engine.get(run.id).result.validation_accuracy:.1%}" == shown
    few = build_page("playground", data=data.id, head_images="2").run()
    assert few.button(key="playground_run").disabled
    assert "all images" in few.button(key="playground_run").help
    fast = build_page("playground", data=data.id, head_rate="30.0").run()
    assert "up to 10" in fast.button(key="playground_run").help


def test_enough_is_measured_by_a_click_and_larger_trainings_show_their_time_first(data):
    app = build_page("playground", data=data.id).run()
    app.button(key="enough_go").click().run()
    job = caches.get_enough_job(data.id, "demonstration")
    job.wait()
    app.run()
    assert not app.exception
    assert "The new layer alone rises from" in list_texts(app)
    app.select_slider(key="enough_draws").set_value(2).run()
    app.pills(key="enough_ways").set_value(["3"]).run()
    assert "enough_start" not in [button.key for button in app.button]
    app.button(key="enough_time").click().run(timeout=120)
    assert f"{2 * len({d.images_per_class for d in job.draws})} trainings" in list_texts(app)
    assert app.button(key="enough_start").label == "Start"
    assert not [point for point in job.points if point.key == "3"]
