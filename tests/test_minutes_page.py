"""Time limits on the pages: the forecast, settings that end in time, and undoing them."""

import re
from dataclasses import replace

import pytest
from test_pages import build_page, data, list_texts, own_engine  # noqa: F401  (fixtures)

from pages.shared import caches
from transfer_core.networks import get_network, list_networks
from transfer_core.system.busy import mark_training
from transfer_core.timing import forecast as forecasting
from transfer_core.timing.step_costs import StepCosts

# An epoch is one step of half a second, and the new layer learns through all its epochs.
EPOCHS_IN_A_MINUTE = int(60 / (0.5 * forecasting.SAFETY_FACTOR))


@pytest.fixture
def half_a_second(monkeypatch):
    """A step takes half a second on every network; nothing else takes any time."""
    step = StepCosts(0.0, 0.0, 0.0, 0.0, 0.5, 0.0)
    monkeypatch.setattr(forecasting, "load_or_measure_costs", lambda *of: step)
    monkeypatch.setattr(forecasting, "load_or_measure_decoding", lambda *of: 0.0)
    monkeypatch.setattr(forecasting, "RUN_SECONDS", 0.0)


def open_train_page(data_set):
    return build_page("train", data=data_set.id, option="1").run(timeout=120)


def read_epochs(app) -> int:
    return next(each for each in app.number_input if each.label == "Epochs, at most").value


def find_button(app, key: str):
    return next(each for each in app.button if each.key == key)


def test_decide_tells_how_long_each_option_takes(data):  # noqa: F811
    app = build_page("decide", data=data.id).run(timeout=120)
    assert not app.exception
    (table,) = [each.value for each in app.dataframe if "takes" in each.value]
    assert all(re.search(r"\d (s|min|h)$", told) for told in table["takes"])


def test_train_tells_how_long_the_run_takes(data):  # noqa: F811
    assert "the run takes" in list_texts(open_train_page(data))


def test_beside_a_run_a_sentence_stands_in_place_of_times(data):  # noqa: F811
    with mark_training():
        app = open_train_page(data)
        assert not app.exception
        assert "can't be measured while a run trains" in list_texts(app)
        assert "the run takes" not in list_texts(app)
        find_button(app, "train_fit").click().run()
        assert not app.exception
        assert "can't be measured while a run trains" in app.error[0].value
        app = build_page("decide", data=data.id).run(timeout=120)
    assert not app.exception
    assert "can't be measured while a run trains" in list_texts(app)


def test_settings_that_end_in_time_are_filled_in_and_taken_back(data, half_a_second):  # noqa: F811
    app = open_train_page(data)
    assert read_epochs(app) == 100
    app.number_input(key="train_minutes").set_value(1)
    find_button(app, "train_fit").click().run()
    assert not app.exception
    assert read_epochs(app) == EPOCHS_IN_A_MINUTE
    assert "These settings are filled in" in list_texts(app)
    find_button(app, "train_unfit").click().run()
    assert read_epochs(app) == 100


def test_settings_changed_by_hand_are_filled_in_and_taken_back_too(data, half_a_second):  # noqa: F811
    app = open_train_page(data)
    asked = next(each for each in app.number_input if each.label == "Epochs, at most")
    asked.set_value(7)
    find_button(app, "train_update").click().run()
    assert read_epochs(app) == 7
    app.number_input(key="train_minutes").set_value(1)
    find_button(app, "train_fit").click().run()
    assert read_epochs(app) == EPOCHS_IN_A_MINUTE
    find_button(app, "train_unfit").click().run()
    assert read_epochs(app) == 100


def test_another_option_keeps_its_own_settings(data, half_a_second):  # noqa: F811
    app = open_train_page(data)
    app.number_input(key="train_minutes").set_value(1)
    find_button(app, "train_fit").click().run()
    work = app.session_state["journey"]
    app.session_state["journey"] = replace(work, option="3")
    app.run()
    assert not app.exception and read_epochs(app) == 30


def test_a_better_network_is_proposed_and_taken_with_its_settings(data, half_a_second):  # noqa: F811
    app = open_train_page(data)
    app.number_input(key="train_minutes").set_value(1)
    app.toggle(key="train_download").set_value(True)
    find_button(app, "train_fit").click().run(timeout=120)
    assert not app.exception
    assert "A more accurate network would end in time" in list_texts(app)
    best = max(list_networks(), key=lambda network: network.card.get("accuracy", 0))
    find_button(app, "train_propose").click().run()
    work = app.session_state["journey"]
    assert work.network == best.name and work.option == "1"
    assert work.fit.strategy.optimiser.epochs < 100


def test_where_nothing_fits_the_least_time_is_told(data, monkeypatch):  # noqa: F811
    hours = StepCosts(*[3600.0] * 6)
    monkeypatch.setattr(forecasting, "load_or_measure_costs", lambda *of: hours)
    app = open_train_page(data)
    find_button(app, "train_fit").click().run()
    assert not app.exception
    assert "No run fits into 10 min" in app.error[0].value
    assert find_button(app, "train_start").label == "Start training"


def test_a_run_is_started_at_the_chosen_input_size(data):  # noqa: F811
    app = open_train_page(data)
    size = next(each for each in app.selectbox if each.label.startswith("Input size"))
    assert size.options == ["64", "32"]
    size.set_value(32)
    find_button(app, "train_start").click().run()
    (record,) = caches.get_engine().list_runs()
    assert record.config.input_size == 32
    assert record.config.source() == get_network("demonstration").with_input_size(32)
