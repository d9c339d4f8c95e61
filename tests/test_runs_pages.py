"""The pages Runs and Compare, and repeating a run, through Streamlit's own test driver."""

import json
from contextlib import closing
from types import SimpleNamespace

import pytest
from answered_runs import make_data_set, make_finished_run
from test_pages import build_page, list_texts, own_engine, read_query  # noqa: F401
from toy_runs import save_toy_checkpoint

from pages.parts.compare import verdict
from pages.shared import caches, sharing
from transfer_core.runs.store import curation
from transfer_core.runs.store.records import RunState
from transfer_core.runs.store.store import RunStore
from transfer_core.runs.stored_texts import WAITING_FOR_CLUSTER
from transfer_core.training import Preparing
from transfer_core.workspaces import open_workspaces

RIGHT, WRONG_TWICE = [0] * 4 + [1] * 4, [0] * 6 + [1, 1]


@pytest.fixture
def runs(transfer_home):
    """Ids of two finished runs on the same test images, and the data set's id."""
    data = make_data_set(transfer_home, test_images=4)
    first = make_finished_run(transfer_home, data, WRONG_TWICE, "first try")
    second = make_finished_run(transfer_home, data, RIGHT, "second try")
    return first, second


def read_table(app):
    return app.dataframe[0].value


def test_runs_are_listed_newest_first(runs):
    app = build_page("runs").run()
    assert list(read_table(app)["run"]) == ["second try", "first try"]
    assert list(read_table(app)["test accuracy (%)"]) == [100, 75]
    assert set(read_table(app)["network"]) == {"Demonstration network"}


def test_runs_are_filtered_and_sorted(runs, transfer_home):
    with closing(RunStore(transfer_home)) as store:
        curation.update_run(store, runs[0], tags=["odd"])
    app = build_page("runs").run()
    app.selectbox(key="runs_order").set_value("Oldest first").run()
    assert list(read_table(app)["run"]) == ["first try", "second try"]
    app.multiselect(key="runs_tags").set_value(["odd"]).run()
    assert list(read_table(app)["run"]) == ["first try"]
    app.text_input(key="runs_text").set_value("no such words").run()
    assert "No run is like that" in list_texts(app)


def test_name_notes_and_tags_are_edited_in_place(runs):
    curation.update_run(caches.get_engine().store, runs[1], tags=["mri"])
    app = build_page("runs", runs=runs[0]).run()
    app.text_input[1].set_value("better <b>name</b>").run()
    app.text_area[0].set_value("a first\nnote").run()
    next(field for field in app.multiselect if field.label == "Tags").set_value(["mri"]).run()
    kept = caches.get_engine().get(runs[0])
    assert (kept.name, kept.notes) == ("better <b>name</b>", "a first\nnote")
    assert kept.tags == ("mri",)
    assert "better <b>name</b>" in list(read_table(app)["run"])
    assert "<b>" not in app.subheader[0].value.replace("\\<b\\>", "")


def test_an_emptied_name_is_not_kept(runs):
    app = build_page("runs", runs=runs[0]).run()
    app.text_input[1].set_value(" ").run()
    assert not app.exception
    assert caches.get_engine().get(runs[0]).name == "first try"


def test_a_deleted_run_comes_back_with_undo(runs):
    app = build_page("runs", runs=runs[0]).run()
    app.button(key="runs_delete").click().run()
    assert list(read_table(app)["run"]) == ["second try"]
    assert "“first try” was deleted" in list_texts(app)
    app.button(key="runs_undo").click().run()
    assert list(read_table(app)["run"]) == ["second try", "first try"]


def test_deleted_runs_can_be_brought_back_later_or_removed_for_good(runs):
    curation.delete_runs(caches.get_engine().store, runs)
    app = build_page("runs").run()
    assert not app.exception
    app.multiselect(key="runs_back").set_value([runs[0]]).run()
    app.button(key="runs_bring").click().run()
    assert [run.id for run in caches.get_engine().list_runs()] == [runs[0]]
    app.button(key="runs_empty").click().run()
    assert caches.get_engine().store.list(deleted=True) == ()


def test_a_run_that_is_not_over_cannot_be_deleted_before_it_is_stopped(runs):
    engine, config = caches.get_engine(), caches.get_engine().get(runs[0]).config
    first, waiting = (engine.submit(config, "waiting") for _ in range(2))
    app = build_page("runs", runs=waiting).run()
    assert app.button(key="runs_delete").disabled
    app.button(key="runs_stop").click().run()
    engine.wait(waiting, timeout=60)
    app.run()
    assert not app.button(key="runs_delete").disabled
    engine.stop(first)
    engine.wait(first, timeout=60)


def click(app, label: str) -> None:
    """Click the button with this label."""
    next(button for button in app.button if button.label == label).click().run()


def test_chosen_runs_are_compared_and_their_settings_marked(runs, transfer_home, monkeypatch):
    address = "http://{host}:8501/compare?share={share}"
    host = "lab.example"
    monkeypatch.setattr(sharing, "build_page_url", lambda **q: address.format(host=host, **q))
    app = build_page("compare", runs=",".join(runs)).run()
    assert not app.exception
    assert "A is right on 0 images that B misses, B on 2 that A misses" in list_texts(app)
    settings = app.dataframe[1].value
    assert set(settings[""]) == {"same"}
    assert read_query(app, "runs") == f"{runs[0]},{runs[1]}"
    click(app, "Make a link")
    assert "lab.example:8501/compare?share=" in app.code[0].value and not app.warning
    host = "localhost"
    assert "opens on this computer only" in app.run().warning[0].value
    click(app, "Withdraw the link")
    assert not app.code


def test_runs_that_cannot_be_compared_image_by_image_are_told_why(runs, transfer_home):
    other = make_finished_run(
        transfer_home, make_data_set(transfer_home, test_images=4, first_test_seed=500), RIGHT
    )
    app = build_page("compare", runs=f"{runs[0]},{other}").run()
    assert not app.exception
    assert "tested on different images" in list_texts(app)
    differing = app.dataframe[1].value
    assert list(differing[differing[""] == "≠ differs"]["setting"]) == ["data set"]


@pytest.mark.parametrize("forged", ["../../etc", "0123456789abcdef", ",,,", "%00"])
def test_unknown_runs_at_an_address_are_told_and_left_out(runs, forged):
    app = build_page("compare", runs=f"{runs[0]},{forged},{runs[1]}").run()
    assert not app.exception
    assert read_query(app, "runs") == ",".join(runs)


def test_comparing_asks_for_two_runs(runs):
    app = build_page("compare", runs=runs[0]).run()
    assert "Choose at least two runs" in list_texts(app)


def test_repeat_with_changes_fills_the_form_with_the_runs_settings(transfer_home):
    data = make_data_set(transfer_home, test_images=4)
    run = make_finished_run(
        transfer_home, data, RIGHT, "first try", seed=7, epochs=3, input_size=32
    )
    app = build_page("train", repeat=run).run()
    assert not app.exception
    fields = {field.label: field.value for field in app.number_input}
    assert (fields["Seed"], fields["Epochs, at most"]) == (7, 3)
    assert "The settings of “first try”" in list_texts(app)
    next(f for f in app.number_input if f.label == "Epochs, at most").set_value(2)
    next(b for b in app.button if b.label == "Start training").click().run()
    repeated = caches.get_engine().get(read_query(app, "run")).config
    before = caches.get_engine().get(run).config
    assert (repeated.seed, repeated.data_id, repeated.strategy.case) == (7, data.id, 1)
    assert repeated.input_size == 32
    assert (repeated.strategy.optimiser.epochs, before.strategy.optimiser.epochs) == (2, 3)
    assert "repeat" not in app.query_params


def test_repeat_exactly_queues_the_same_settings_again(transfer_home):
    run = make_finished_run(
        transfer_home, make_data_set(transfer_home, test_images=4), RIGHT, seed=5, epochs=2
    )
    app = build_page("runs", runs=run).run()
    app.button(key="runs_repeat").click().run()
    again, before = caches.get_engine().list_runs()
    assert before.id == run and not app.exception
    assert again.config.strategy == before.config.strategy
    assert (again.config.seed, again.config.data_id) == (5, before.config.data_id)
    assert again.config.versions["torch"]


def test_repeating_an_unknown_run_is_told_plainly(transfer_home):
    app = build_page("train", repeat="../../etc").run()
    assert not app.exception
    assert "There is no such run" in list_texts(app)


def test_a_run_that_cannot_be_read_is_shown_apart_and_can_be_deleted(runs):
    store = caches.get_engine().store
    with store.begin_write() as connection:
        connection.exec_driver_sql(
            "UPDATE runs SET config = json_set(config, '$.strategy.optimiser.batch_size', 9999)"
            f" WHERE id = '{runs[0]}'"
        )
    app = build_page("runs").run()
    assert not app.exception and not app.error
    assert list(read_table(app)["run"]) == ["second try"]
    assert "first try" in list_texts(app) and "another version" in list_texts(app)
    app.button(key=f"runs_delete_{runs[0]}").click().run()
    assert not app.exception and "another version" not in list_texts(app)
    app.button(key="runs_undo").click().run()
    assert "another version" in list_texts(app)
    shown = build_page("results", run=runs[0]).run()
    assert not shown.exception and "another version" in shown.error[0].value


def test_an_interrupted_run_with_a_checkpoint_has_a_button_that_resumes_it(runs, monkeypatch):
    engine, resumed = caches.get_engine(), []
    run = engine.store.create(engine.get(runs[0]).config, "long run", engine="dead")
    engine.store.set_state(run.id, RunState.interrupted)
    assert not [b for b in build_page("train", run=run.id).run().button if b.key == "train_resume"]
    directory = engine.directory(run.id)
    directory.prepare("{}", 1)
    directory.baseline_file.write_bytes(b"the head")
    button = build_page("train", run=run.id).run().button(key="train_resume")
    assert button.label == "Resume where it was"
    save_toy_checkpoint(directory, 7)
    monkeypatch.setattr(engine, "resume", resumed.append)
    app = build_page("train", run=run.id).run()
    assert app.button(key="train_resume").label == "Resume from epoch 7"
    app.button(key="train_resume").click().run()
    assert not app.exception and resumed == [run.id]


def test_all_four_cases_are_run_by_one_button_and_the_verdict_told(transfer_home):
    data = make_data_set(transfer_home, test_images=6)
    app = build_page("compare", data=data.id).run(timeout=120)
    assert not app.exception
    assert "Train the cases to see whether it is right here" in list_texts(app)
    app.button(key="four_cases").click().run(timeout=120)
    engine = caches.get_engine()
    keys = [run.config.strategy.key for run in engine.list_runs()][::-1]
    assert [key[0] for key in keys] == ["1", "2", "3", "4"] and keys[3] == "4-random"
    assert len({(run.config.data_id, run.config.seed) for run in engine.list_runs()}) == 1
    running = build_page("compare", runs=read_query(app, "runs")).run(timeout=120)
    if not all(run.state.is_final for run in engine.list_runs()):
        button = running.button(key="four_cases")
        assert button.disabled and "waits for the runs" in button.label
        assert "The cases are being trained" in list_texts(running)
        running.button(key="compare_stop").click().run(timeout=120)
    for run in engine.list_runs():
        engine.wait(run.id, timeout=120)  # what was learned until now is enough for a test
    again = build_page("compare", runs=read_query(app, "runs")).run(timeout=120)
    assert not again.exception
    cells = next(
        json.loads(each.proto.json)["cells"]
        for each in again.get("bidi_component")
        if "compare_grid" in each.proto.id
    )
    assert [cell["case"] for cell in cells] == [1, 2, 3, 4]


def test_compare_with_one_run_leads_to_a_second_on_the_same_images(transfer_home):
    data = make_data_set(transfer_home, test_images=4)
    run = make_finished_run(transfer_home, data, RIGHT)
    app = build_page("compare", runs=run).run()
    assert "One run is here" in list_texts(app)
    link = app.get("page_link")[0].proto
    workspaces = open_workspaces(transfer_home)
    data_id = workspaces.find_public_id(workspaces.this_computer, data.id)
    assert (link.page, link.query_string) == ("decide", f"data={data_id}")


@pytest.mark.parametrize(("now", "told"), [("3", "recommended “Case 1”"), ("1", "")])
def test_compare_says_where_decide_has_its_star_by_now(monkeypatch, now, told):
    def recommend(key):
        return SimpleNamespace(recommended=SimpleNamespace(key=key, name=f"Case {key}"))

    monkeypatch.setattr(verdict, "list_runs_of", lambda data, source: [])
    monkeypatch.setattr(verdict, "follow_runs", lambda *_: recommend(now))
    choice, data = SimpleNamespace(options=recommend("1")), SimpleNamespace(id="images")
    group = SimpleNamespace(choice=choice, data=data, source=None)
    words = verdict._describe_new_recommendation(group)
    assert told in words and bool(words) == bool(told)


def test_a_run_that_waits_says_when_it_starts_and_is_taken_back(runs, monkeypatch):
    engine = caches.get_engine()
    run = engine.store.create(engine.get(runs[0]).config, "waiting run", engine="another").id
    monkeypatch.setattr(engine, "forecast_wait", lambda _run: 120.0)
    app = build_page("train", run=run).run()
    assert not app.exception
    assert app.button(key="train_stop").label == "Take it back"
    told = read_progress(app)
    assert told.endswith("number 1 in the queue, about 2 min until it starts")
    directory = engine.directory(run)
    directory.prepare("{}", 1)
    save_toy_checkpoint(directory, 7)
    engine.store.set_state(run, RunState.queued, attempt=1)
    told = read_progress(build_page("train", run=run).run())
    assert "Interrupted; goes on from epoch 7: number 1 in the queue" in told


def test_a_run_that_waits_for_a_place_in_a_cluster_says_so_everywhere(runs):
    engine = caches.get_engine()
    run = engine.store.create(engine.get(runs[0]).config, "waiting run", engine="another").id
    engine.store.set_state(run, RunState.preparing)
    engine.store.append(run, [Preparing(WAITING_FOR_CLUSTER, 0, 1)])
    words = "Waiting for a place in the cluster"
    assert read_progress(build_page("train", run=run).run()).endswith(words)
    app = build_page("runs", runs=run).run()
    assert list(read_table(app)["state"])[0] == "waiting" and words in list_texts(app)


def read_progress(app) -> str:
    """The words of the progress bar."""
    return app.get("progress")[0].proto.text
