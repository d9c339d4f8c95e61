"""What was told before a run is kept with it, compared with its result, and counted honestly."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sa
from answered_runs import make_data_set
from test_pages import build_page, list_texts, own_engine  # noqa: F401  (fixtures)
from toy_runs import make_config, make_perform, make_test_result

from pages.shared import caches
from pages.shared.launching import start_run
from transfer_core.cases import list_strategies
from transfer_core.cli.main import main
from transfer_core.networks import get_network
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.store import curation
from transfer_core.runs.store.expectation import Expectation, make_expectation
from transfer_core.runs.store.records import RunState
from transfer_core.runs.store.schema import RUNS
from transfer_core.runs.store.store import RunStore
from transfer_core.runs.store.track_record import Tally, TrackRecord, load_track_records
from transfer_core.transferability import Option

SOURCE = get_network("demonstration")
TOLD = Expectation("1", True, 0.87, 0.8, 0.9, 10.0, 25.0)


@pytest.fixture
def store(transfer_home):
    """A store of the test's own."""
    with closing(RunStore(transfer_home)) as store:
        yield store


def make_run(
    store,
    seed=0,
    accuracy=0.875,
    seconds=20.0,
    told=TOLD,
    state=RunState.finished,
    attempt=1,
    images=8,
) -> str:
    """The id of a run that is over, with an expectation."""
    run = store.create(make_config(seed), expectation=told)
    result = make_test_result(accuracy, images)
    store.set_state(run.id, state, result=result, started=1.0, attempt=attempt)
    with store.begin_write() as connection:
        own = sa.update(RUNS).where(RUNS.c.id == run.id)
        connection.execute(own.values(ended=1.0 + seconds))
    return run.id


def make_option(**changes) -> Option:
    strategy = list_strategies(SOURCE.stage_names, SOURCE.kind)["1"]
    option = Option("1", strategy, "Case 1", 0.87, 0.8, 0.9, 10.0, 25.0, True, True)
    return replace(option, **changes)


def test_an_expectation_is_kept_with_its_run(store):
    run = store.create(make_config(), expectation=TOLD)
    assert store.get(run.id).expectation == TOLD
    assert store.get(store.create(make_config()).id).expectation is None


def test_an_engine_keeps_it_too(transfer_home):
    with closing(Engine(transfer_home, make_perform())) as engine:
        run = engine.wait(engine.submit(make_config(), expectation=TOLD), timeout=30)
        assert (run.expectation, run.state) == (TOLD, RunState.finished)
        assert run.seconds == run.ended - run.started
        (record,) = load_track_records(engine.store)
    assert (record.runs, record.seconds.total) == (1, 1)


def test_a_run_with_other_settings_than_the_option_is_expected_nothing_of():
    option = make_option()
    assert make_expectation(option, SOURCE, option.strategy) == TOLD
    optimiser = replace(option.strategy.optimiser, learning_rate=0.5)
    assert make_expectation(option, SOURCE, replace(option.strategy, optimiser=optimiser)) is None
    assert make_expectation(option, SOURCE, option.strategy.with_epochs(3)) is None
    assert make_expectation(option, SOURCE.with_input_size(32), option.strategy) is None


def test_accuracies_measured_and_forecast_and_times_are_counted_apart(store):
    make_run(store, 1, accuracy=0.8)  # the ends belong to the interval
    make_run(store, 2, accuracy=0.79, seconds=30)
    make_run(store, 3, accuracy=0.9, told=replace(TOLD, measured=False), seconds=9)
    make_run(store, 4, told=replace(TOLD, low=None, high=None))
    make_run(store, 5, told=replace(TOLD, seconds_low=None, seconds_high=None))
    make_run(store, 6, attempt=2)  # went on after an interruption: how long it took is not known
    (record,) = load_track_records(store)
    assert record == TrackRecord("demonstration", 6, Tally(3, 4), Tally(1, 1), Tally(2, 4))
    assert record.accuracies == Tally(4, 5)


@pytest.mark.parametrize(
    "changes",
    [{"told": None}, {"state": RunState.stopped}, {"state": RunState.failed}],
)
def test_a_run_that_was_not_told_of_or_did_not_finish_does_not_count(store, changes):
    make_run(store, **changes)
    assert load_track_records(store) == ()


def test_the_same_settings_again_do_not_count_twice(store):
    make_run(store, 1)
    make_run(store, 1)
    assert load_track_records(store)[0].runs == 1


def test_the_record_is_not_improved_by_deleting_a_bad_run(store, transfer_home):
    bad = make_run(store, 1, accuracy=0.5)
    make_run(store, 2)
    before = load_track_records(store)
    curation.delete_runs(store, [bad])
    assert load_track_records(store) == before
    assert curation.purge_deleted_runs(store, transfer_home, older_than=-1) == 1
    assert load_track_records(store) == before
    assert before[0].accuracies == Tally(1, 2)
    with closing(sqlite3.connect(transfer_home / "runs.db")) as connection:
        (kept,) = connection.execute('SELECT "values" FROM checks').fetchone()
    assert set(json.loads(kept)) == {
        "network",
        "configuration",
        "expectation",
        "accuracy",
        "seconds",
    }


def test_nothing_is_kept_of_a_removed_run_that_does_not_count(store, transfer_home):
    curation.delete_runs(store, [make_run(store, told=None)])
    curation.purge_deleted_runs(store, transfer_home, older_than=-1)
    with closing(sqlite3.connect(transfer_home / "runs.db")) as connection:
        assert connection.execute("SELECT * FROM checks").fetchall() == []


def test_a_record_is_described_once_there_are_enough_runs():
    few = TrackRecord("demonstration", 4, Tally(2, 3), Tally(1, 1), Tally(4, 4))
    assert few.describe_accuracies().startswith("too few runs yet")
    many = TrackRecord("demonstration", 14, Tally(8, 9), Tally(4, 5), Tally(13, 14))
    assert many.describe_accuracies() == "12 of 14 results lay inside the 80 % interval"
    assert many.describe_seconds() == "13 of 14 runs ended within the time that was told"


def test_the_command_line_prints_the_record(store, capsys):
    assert main(["runs", "--record"]) == 0
    assert "No finished run" in capsys.readouterr().out
    for seed in range(5):
        make_run(store, seed, accuracy=0.875 if seed else 0.5)
    assert main(["runs", "--record"]) == 0
    assert "demonstration: 4 of 5 results lay inside" in capsys.readouterr().out
    assert main(["runs", "--record", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["measured"] == {"inside": 4, "total": 5} and told["runs"] == 5


@pytest.mark.parametrize(
    ("accuracy", "seconds", "words"),
    [
        (
            0.875,
            20.0,
            ("80% to 90% was measured", "**87.5%**, lies **inside**", "; it took 20 s"),
        ),
        (0.5, 40.0, ("lies **below that**", "10 s to 25 s; it took 40 s")),
        (1.0, 20.0, ("lies **above that**: with 8 test images, that may be chance",)),
    ],
)
def test_results_tells_whether_the_run_is_as_expected(store, accuracy, seconds, words):
    run = make_run(store, accuracy=accuracy, seconds=seconds)
    app = build_page("results", run=run).run(timeout=60)
    assert all(each in list_texts(app) for each in words)


@pytest.mark.parametrize(
    ("accuracy", "images", "words"),
    [
        (0.75, 20, "with 20 test images, that may be chance"),
        (0.5, 2_000, "too high, or the images have a flaw"),
        (1.0, 24, "with 24 test images, that may be chance"),
        (0.99, 2_000, "too low, or test images resemble training images"),
    ],
)
def test_a_result_outside_of_its_interval_is_called_no_more_than_it_shows(
    store, accuracy, images, words
):
    run = make_run(store, accuracy=accuracy, images=images)
    assert words in list_texts(build_page("results", run=run).run(timeout=60))


@pytest.mark.parametrize(
    ("accuracy", "inside"), [(0.87, 1), (0.9004, 1), (0.8996, 1), (0.901, 0), (0.869, 0)]
)
def test_an_interval_holds_what_its_printed_ends_hold(store, accuracy, inside):
    """It is printed as 87% to 90%, and results in tenths of a percent."""
    make_run(store, accuracy=accuracy, told=replace(TOLD, low=0.874, high=0.8961))
    assert load_track_records(store)[0].accuracies == Tally(inside, 1)


def test_runs_shows_the_record_of_each_network(store):
    assert "forecasts right" not in str(build_page("runs").run().expander)
    for seed in range(5):
        make_run(store, seed)
    app = build_page("runs").run()
    assert not app.exception
    told = "**Demonstration network**: 5 of 5 results lay inside the 80 % interval; 5 of 5 runs"
    assert told in list_texts(app)


def test_a_run_that_a_page_starts_from_an_option_has_its_expectation(transfer_home):
    data, option = make_data_set(transfer_home, test_images=2), make_option()
    build_page("runs").run()  # a session, as every page has one
    runs = [
        start_run(data, SOURCE, strategy, 0, key=f"click {number}", option=option)
        for number, strategy in enumerate((option.strategy, option.strategy.with_epochs(2)))
    ]
    told = [caches.get_engine().get(run).expectation for run in runs]
    assert told == [TOLD, None]
