"""Pages alone and in a row: empty, working, wrong; through Streamlit's own test driver."""

import io
import json
import re
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest
import streamlit as st
from PIL import Image
from starlette.requests import Request
from streamlit.testing.v1 import AppTest
from uploading import upload
from zips import make_picture, write_zip

from pages.parts.decide import first_numbers
from pages.shared import caches, downloads
from pages.shared.layout import format_duration
from pages.shared.workspace_cookie import make_proof, name_cookie
from transfer_core import dataset, timing
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.export import prepare_download
from transfer_core.networks import get_network
from transfer_core.runs.launch import make_run_config
from transfer_core.settings import OptimiserSettings, list_settings
from transfer_core.system.home import get_home
from transfer_core.training.config import RunConfig
from transfer_core.workspaces import open_workspaces

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    "start",
    "data",
    "decide",
    "train",
    "results",
    "repair",
    "try_it",
    "take_away",
    "learn",
    "sabotage",
    "layers",
    "networks",
    "runs",
    "compare",
    "playground",
    "class_room",
]


@pytest.fixture(autouse=True)
def own_engine(transfer_home):
    """An engine in the test's own data folder, closed after it."""
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    caches.get_engine().close()
    st.cache_resource.clear()


def build_page(name: str, **query) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.switch_page(f"pages/{name}.py")
    for key, value in query.items():
        app.query_params[key] = value
    return app


def write_colours(names=("red", "green", "blue"), images=10) -> bytes:
    """A zip of one-coloured pictures, one class per colour."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for label, name in enumerate(names):
            for number in range(images):
                colour = [40 + 3 * number] * 3
                colour[label % 3] = 200 + number
                picture = io.BytesIO()
                Image.new("RGB", (64, 64), tuple(colour)).save(picture, "PNG")
                archive.writestr(f"{name}/{number}.png", picture.getvalue())
    return buffer.getvalue()


@pytest.fixture
def data(transfer_home, tmp_path):
    (tmp_path / "colours.zip").write_bytes(write_colours())
    return dataset.ingest(tmp_path / "colours.zip", home=transfer_home)


@pytest.fixture
def finished(data, transfer_home, train_once):
    """A finished run of case 1."""
    source = get_network("demonstration")
    config = make_run_config(
        data,
        source,
        plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind),
        0,
    )
    return train_once(transfer_home, config, "colours, case 1")


def read_query(app: AppTest, name: str) -> str:
    """A value of the address, which the driver gives alone or in a list."""
    value = app.query_params[name]
    return value if isinstance(value, str) else value[0]


def list_texts(app: AppTest) -> str:
    groups = (app.markdown, app.info, app.error, app.success, app.caption, app.warning)
    return "\n".join(element.value for group in groups for element in group)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_in_a_fresh_session_without_an_exception(name):
    app = build_page(name).run()
    assert not app.exception
    assert app.title[0].value


@pytest.mark.parametrize(("name", "missing"), [("decide", "images"), ("train", "images")])
def test_a_page_without_its_input_says_what_is_missing(name, missing):
    app = build_page(name).run()
    assert missing in app.info[0].value


@pytest.mark.parametrize("name", ["train", "results"])
@pytest.mark.parametrize("run", ["../../etc", "0123456789abcdef"])
def test_an_unknown_run_in_the_address_is_told_plainly(name, run):
    app = build_page(name, run=run).run()
    assert not app.exception
    assert app.error


@pytest.mark.parametrize("name", ["data", "decide", "train"])
def test_an_unknown_data_set_in_the_address_is_told_plainly(name):
    app = build_page(name, data="../../etc/passwd").run()
    assert not app.exception
    assert app.error


def test_an_uploaded_zip_is_read_aloud_and_kept_in_the_address():
    app = build_page("data").run()
    upload(app, "data_upload", "my colours.zip", write_colours())
    assert not app.exception
    assert "three classes" in app.success[0].value
    assert app.query_params["data"]
    assert "30 images: " in list_texts(app)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no zip at all", "zip"),
        (write_colours(names=("only",)), "class"),
        (write_colours(images=1), "image"),
    ],
    ids=["text", "one class", "one image"],
)
def test_a_bad_zip_is_answered_with_what_was_found_and_what_to_do(content, told):
    app = build_page("data").run()
    app.session_state["data_upload_answer"] = {"ticket": "of the file that comes"}
    upload(app, "data_upload", "bad.zip", content)
    assert not app.exception
    # The uploader, drawn while the page had the file, says no more that it has arrived.
    assert read_component(app, "data_upload")["answer"] is None
    assert told in app.error[0].value
    assert any("What to do" in element.value for element in app.markdown)


def test_class_names_are_never_read_as_markup(tmp_path, transfer_home):
    names = ("<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "$\\LaTeX$ `code`")
    app = build_page("data").run()
    upload(app, "data_upload", "odd.zip", write_colours(names=names))
    assert not app.exception
    shown = list_texts(app)
    assert "<img" not in shown.replace("\\<img", "")
    assert "[x](" not in shown


def test_many_problems_of_one_kind_are_told_in_one_box(transfer_home, tmp_path):
    files = {f"{c}/{n}.png": make_picture(n) for c in "ab" for n in range(9)}
    files |= {f"a/{n}.txt": b"" for n in range(600)}
    data = dataset.ingest(write_zip(tmp_path / "a.zip", files), home=transfer_home)
    app = build_page("data", data=data.id).run()
    assert len(app.dataframe[0].value) == 500
    assert any(f"{len(data.problems) - 500} more, which" in each.value for each in app.caption)
    assert len([p for p in data.problems if p.kind == "conflict"]) > 3
    assert len(app.warning) == 1 and "more of this kind" in app.warning[0].value


def test_a_sample_is_one_click_away():
    app = build_page("data").run()
    app.button(key="data_use_digits").click().run(timeout=120)
    assert not app.exception
    assert "ten classes" in app.success[0].value


def read_component(app, key: str) -> dict:
    """The data of the component of this key."""
    return next(json.loads(e.proto.json) for e in app.get("bidi_component") if key in e.proto.id)


def read_diagram(app) -> dict:
    return read_component(app, "decide_diagram")["diagram"]


def read_row(app, key: str) -> dict:
    """The row of an option on Decide."""
    rows = read_component(app, "decide_options")["rows"]
    return next(row for row in rows if row["key"] == key)


def find_group(app, label: str):
    return next(each for each in app.segmented_control if each.label.startswith(label))


def test_decide_shows_both_voices(data):
    app = build_page("decide", data=data.id).run()
    assert not app.exception
    headings = [each.value for each in app.subheader]
    assert headings == ["What the textbook says", "What is best on your images"]
    assert "**Small** (24 images, below 2,000)" in list_texts(app)
    table = next(each.value for each in app.dataframe if "way" in each.value)
    assert {"Case 1, new last layer", "New layer over all stages"} <= set(table["way"])
    diagram = read_diagram(app)
    assert diagram["point"]["images"] == 24 and diagram["line"] == 2_000
    assert [cell["case"] for cell in diagram["cells"]] == [1, 2, 3, 4]
    assert all(cell["drawing"]["slabs"] for cell in diagram["cells"])
    (words,) = (each for each in app.expander if each.label == "What these words mean")
    defined = [each.value for each in words.markdown]
    assert ["**Forecast**" in each for each in defined] == [True, False]
    assert list_texts(app).count("**Forecast**") == 1  # and not behind "Why?" once more


def test_decide_says_where_images_are_and_why_a_time_is_unknown(data, monkeypatch):
    why = "Time unknown: it can't be measured while a run trains"
    app = build_page("decide", data=data.id).run()
    assert "24 images to learn from (18 train, 6 validate), 6 to test" in list_texts(app)
    assert why not in list_texts(app)
    monkeypatch.setattr(timing, "forecast_options", lambda *_, **__: {}, raising=False)
    assert why in list_texts(build_page("decide", data=data.id).run())


def test_decide_opens_a_sample_that_the_address_names(transfer_home):
    app = build_page("decide", sample="plankton").run(timeout=120)
    assert not app.exception and "**Plankton, a few**: 120 images to learn from" in list_texts(app)
    unknown = build_page("decide", sample="no-such-sample").run()
    assert not unknown.exception and unknown.error


def draw_first_numbers():
    from types import SimpleNamespace

    from pages.parts.decide.first_numbers import show_first_numbers

    with show_first_numbers() as report_stage:
        for title, accuracy in (("Top", 0.9), ("Middle", 0.8)):
            report_stage(SimpleNamespace(title=title, plain_accuracy=accuracy))


def test_the_accuracy_of_case_1_is_told_while_the_rest_is_measured(monkeypatch):
    # Else the numbers are gone when the work ends, before the driver can look.
    monkeypatch.setattr(first_numbers, "empty_on_exit", lambda place: nullcontext())
    (told,) = AppTest.from_function(draw_first_numbers).run().markdown
    first, second = told.value.split("\n")[1:]
    assert first == "- **Case 1, new last layer**: about 90%"
    assert second == "- **Cut after Middle**: about 80%"


def test_a_persons_own_answer_moves_the_textbooks_case_and_stands_beside_the_estimate(data):
    app = build_page("decide", data=data.id).run()
    for answer, case in (("different", 2), ("similar", 1)):
        find_group(app, "Similar to what").set_value(answer).run()
        said = list_texts(app)
        assert f"**{answer}** (your answer; the network says" in said
        assert f"**case {case}**" in said


def test_a_finished_run_stands_beside_the_forecast_of_its_option(data, finished):
    app = build_page("decide", data=data.id).run()
    table = next(each.value for each in app.dataframe if "way" in each.value).set_index("way")
    (run,) = caches.get_engine().list_runs()
    told = dict(table["your runs"].dropna())
    low, high = run.result.low, run.result.high  # as Results shows them, never beyond 100 %
    ends = f"({100 * low:.0f}–{high:.0%})"
    assert told["Case 1, new last layer"].startswith(f"{run.result.accuracy:.1%} {ends}")
    assert read_row(app, "1")["result"] == run.result.accuracy
    cell = read_diagram(app)["cells"][0]
    assert cell["knowledge"].startswith("trained") and cell["shade"] == 1


def test_an_option_is_trained_while_decide_stays_and_compared_then(data):
    app = build_page("decide", data=data.id, option="1").run()
    app.button(key="decide_measure").click().run()
    assert not app.exception
    assert app.title[0].value.startswith("How should the network learn")
    (run,) = caches.get_engine().list_runs()
    caches.get_engine().wait(run.id, timeout=60)
    app.run()
    assert read_row(app, "1")["reached"]
    assert app.button(key="decide_measure").label == "Train it again"


def test_moving_the_line_changes_the_size_and_the_textbooks_case_and_nothing_measured(data):
    app = build_page("decide", data=data.id, answer="similar").run()
    assert "**case 1**" in list_texts(app)
    before = next(each.value for each in app.dataframe if "way" in each.value)
    app = build_page("decide", data=data.id, answer="similar", line=20).run()  # it has 24
    assert "**Large** (24 images, not below 20)" in list_texts(app)
    assert "**case 3**" in list_texts(app)
    after = next(each.value for each in app.dataframe if "way" in each.value)
    assert before.drop(columns="marks").equals(after.drop(columns="marks"))
    cells = read_diagram(app)["cells"]
    assert read_diagram(app)["line"] == 20 and cells[2]["size"] == "large"


def test_a_chosen_option_overrides_the_recommendation_and_can_be_taken_back(data):
    app = build_page("decide", data=data.id).run()
    assert "decide_back" not in [button.key for button in app.button]
    app = build_page("decide", data=data.id, option="4-random").run()
    assert "Chosen is Case 4: large, different." in read_diagram(app)["description"]
    assert read_row(app, "4-random")["is_chosen"] and not read_row(app, "1")["is_chosen"]
    assert read_query(app, "option") == "4-random"
    assert "Go on: train case 4" in [b.label for b in app.button]
    app.button(key="decide_back").click().run()
    assert not app.exception
    assert "option" not in app.query_params


def test_another_cut_of_case_2_is_an_option_of_its_own(data):
    app = build_page("decide", data=data.id, option="2-conv2").run()
    cut = next(each for each in app.selectbox if each.label == "Where to cut")
    assert cut.value == "2-conv2"
    cut.set_value("2-conv1").run()
    assert read_query(app, "option") == "2-conv1"
    assert (
        "Case 2, cut after Convolution 1"
        in build_page("train", data=data.id, option="2-conv1").run().markdown[0].value
    )


def test_training_from_the_form_ends_with_a_result(data):
    app = build_page("train", data=data.id).run()
    app.button(key="train_start").click().run()
    assert not app.exception
    run = read_query(app, "run")
    caches.get_engine().wait(run, timeout=60)
    app.run()
    assert "the weights are those of epoch" in list_texts(app)
    (record,) = caches.get_engine().list_runs()
    took = format_duration(record.seconds)  # the same wherever a duration is shown
    assert f"The run took {took}," in list_texts(app)
    told = list_texts(app)  # the name of the program that did it stands behind the question mark
    assert "went through the network once" in told and not re.search("torch|ONNX", told)
    assert list(build_page("runs").run().dataframe[0].value["took"]) == [took]
    results = build_page("results", run=run).run()
    assert not results.exception
    assert results.metric[0].label == "Test accuracy"


def test_gpus_are_asked_for_only_where_a_run_may_have_several(data, monkeypatch):
    def find_fields(app):
        return [each for each in app.number_input if each.label.startswith("GPUs")]

    assert not find_fields(build_page("train", data=data.id).run())
    engine, launched = caches.get_engine(), []
    engine.works_here, engine.max_devices = False, 4  # as with a cluster whose jobs have four
    monkeypatch.setattr(engine, "submit", lambda config, *_: launched.append(config) or "0" * 16)
    app = build_page("train", data=data.id, option="3").run()
    (field,) = find_fields(app)
    assert (field.value, field.max) == (1, 4)
    field.set_value(3)
    app.button(key="train_update").click().run()
    assert not app.exception
    assert "How long it takes with 3 GPUs was not measured" in list_texts(app)
    app.button(key="train_start").click().run()
    assert [config.devices for config in launched] == [3]


def test_the_same_click_twice_starts_one_run(data):
    app = build_page("train", data=data.id).run()
    before = app.session_state["journey"]
    app.button(key="train_start").click().run()
    again = build_page("train", data=data.id).run()
    again.session_state["journey"] = before
    again.button(key="train_start").click().run()
    assert len(caches.get_engine().list_runs()) == 1


def test_a_shared_link_shows_the_same_run_in_another_session(finished):
    for name, label in (("train", "Features per second"), ("results", "Test accuracy")):
        app = build_page(name, run=finished).run()
        assert label in [metric.label for metric in app.metric]
        assert not app.exception
        assert "colours, case 1" in app.subheader[0].value


def test_results_show_interval_baseline_and_settings(finished):
    app = build_page("results", run=finished).run()
    assert [metric.label for metric in app.metric][:3] == [
        "Test accuracy",
        "95 % interval",
        "Always the same class",
    ]
    assert "test images are right" in list_texts(app)


def test_going_on_from_decide_sets_up_a_new_run_although_one_was_shown(data, finished):
    app = build_page("train", run=finished).run()
    workspace = app.session_state["journey"]
    again = build_page("train", data=data.id, new="run")
    again.session_state["journey"] = workspace
    again.run()
    assert "Start training" in [button.label for button in again.button]


def test_choices_outlive_a_refresh_through_the_address(data):
    app = build_page("decide", data=data.id, line=20, option="3").run()
    find_group(app, "Similar to what").set_value("different").run()
    app.select_slider(key="decide_minutes").set_value(2.0).run()
    kept = {name: read_query(app, name) for name in app.query_params}
    choices = {"answer": "different", "line": "20", "minutes": "2", "option": "3"}
    assert kept == {"data": data.id, **choices}
    again = build_page("decide", **kept).run()
    assert find_group(again, "Similar to what").value == "different"
    assert read_diagram(again)["line"] == 20
    assert again.select_slider(key="decide_minutes").value == 2
    assert "Case 3" in build_page("train", **kept).run().markdown[0].value


@pytest.mark.parametrize("choice", ["answer", "line", "minutes", "option"])
def test_a_choice_in_the_address_that_does_not_exist_is_left_out(data, choice):
    app = build_page("decide", data=data.id, **{choice: "../../nothing"}).run()
    assert not app.exception and not app.error
    assert choice not in app.query_params


def test_another_run_can_be_set_up_from_a_shared_link(finished, data):
    app = build_page("train", run=finished).run()
    app.button(key="train_another").click().run()
    assert not app.exception and not app.info
    assert read_query(app, "data") == data.id
    assert app.button(key="train_start").label == "Start training"


def test_a_run_stopped_in_the_queue_is_not_said_to_have_learned(data):
    source, engine = get_network("demonstration"), caches.get_engine()
    strategy = plan_strategy(TransferCase.LARGE_DIFFERENT, source.stage_names, kind=source.kind)
    first, second = (
        engine.submit(make_run_config(data, source, strategy, seed), name="queued")
        for seed in (0, 1)
    )
    engine.stop(second)
    engine.stop(first)
    engine.wait(second, timeout=60)
    app = build_page("train", run=second).run()
    assert not app.exception
    assert "Stopped before it began" in app.get("progress")[0].proto.text


@pytest.mark.parametrize("is_installed", [True, False])
def test_take_away_shows_commands_that_this_installation_has(is_installed, finished, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: "found" if is_installed else None)
    app = build_page("take_away", run=finished).run()
    begin = "transfer-lab" if is_installed else "-m transfer_core"
    (code,) = [each.value for each in app.code if "PHOTO.jpg" in each.value]
    assert f"{begin} predict {finished} PHOTO.jpg" in code and code.count(begin) == 3


def test_a_run_is_prepared_and_offered_with_the_figures_of_its_check(finished):
    app = build_page("take_away", run=finished).run()
    assert not app.exception
    assert [b.label for b in app.button if b.key.startswith("take_away_")] == [
        "Prepare offline page",
        "Prepare ONNX",
        "Prepare script and notebook",
        "Prepare bundle",
        "Prepare report",
    ]
    app.button(key="take_away_onnx").click().run(timeout=120)
    assert not app.exception and not app.error
    assert "name the same class for **6 of 6**" in list_texts(app)
    link = app.get("link_button")[0].proto
    assert link.url == f"downloads/{finished}/onnx"


def test_a_bundle_is_brought_in_as_a_run_with_its_result(made, finished):
    app = build_page("take_away").run()
    upload(app, "take_away_upload", "b.zip", made[2].read_bytes())
    assert not app.exception and not app.error
    (imported,) = [run for run in caches.get_engine().list_runs() if run.is_imported]
    for name in ("results", "take_away", "train", "runs"):
        shown = build_page(name, run=imported.id).run()
        assert not shown.exception and not shown.error
    assert "came in a bundle" in list_texts(build_page("take_away", run=imported.id).run())


def test_what_is_no_bundle_is_answered_with_what_was_found_and_what_to_do(transfer_home):
    app = build_page("take_away").run()
    upload(app, "take_away_upload", "b.zip", write_colours())
    assert not app.exception
    assert "no bundle of Transfer Lab" in app.error[0].value
    assert any("What to do" in element.value for element in app.markdown)


def test_the_code_beside_the_settings_follows_them(data):
    app = build_page("train", data=data.id).run()
    assert not app.code
    app.toggle(key="train_code").set_value(True).run()
    field = next(field for field in app.number_input if field.label == "Weight decay")
    field.set_value(0.125)
    assert "Not as usual" not in list_texts(app)
    app.button(key="train_update").click().run()
    assert not app.exception
    assert "Not as usual: **Weight decay** 0.125 (usual: " in list_texts(app)
    told = {element.value.split("\n")[0]: element.value for element in app.code}
    assert "0.125" in told["# Weight decay"]
    assert any("def adapt()" in element.value for element in app.code)


def ask_for_export(run: str, kind: str):
    """The answer to a download, asked for with the cookie of this computer's workspace."""
    workspaces = open_workspaces(get_home())
    cookie = f"{name_cookie(workspaces)}={workspaces.read_own_secret()}"
    asked = {"type": "http", "path_params": {"run": run, "kind": kind}}
    asked["headers"] = [(b"cookie", cookie.encode())]
    return downloads.EXPORT_ROUTE.endpoint(Request(asked))


@pytest.mark.parametrize(
    ("run", "kind"),
    [("0123456789abcdef", "bundle"), ("../../etc", "bundle"), (None, ".."), (None, "onnx")],
)
def test_a_download_of_what_was_not_prepared_is_not_found(run, kind, finished):
    prepare_download(get_home(), finished, "bundle", lambda *_: None)
    assert ask_for_export(run or finished, kind).status_code == 404


def test_a_download_is_saved_under_a_plain_name_and_never_shown(finished):
    made = prepare_download(get_home(), finished, "report", lambda *_: None)
    answer = ask_for_export(finished, "report")
    assert answer.path == made
    assert answer.headers["content-disposition"] == f'attachment; filename="{made.name}"'
    assert made.name == "colours-case-1-report.html"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_field_takes_only_what_a_run_takes(data):
    """The bounds of a field are those of its declaration, also exclusive ones."""
    app = build_page("train", data=data.id, option="3").run()
    fields = {field.label: field for field in app.number_input}
    for declared in (*list_settings(OptimiserSettings), *list_settings(RunConfig)):
        if declared.type is not bool and declared.name != "input_size":
            field = fields[declared.setting.label]
            assert (field.min, field.max) == (declared.minimum, declared.maximum)
            assert field.min > declared.bounds.get("gt", -1)
    assert fields["Learning rate"].min == 0.00001


@pytest.mark.parametrize(("button", "case"), [("start_live", 1), ("start_run_stripes", 2)])
def test_one_click_on_start_begins_a_run_of_its_case(button, case):
    app = build_page("start").run()
    app.button(key=button).click().run()
    assert not app.exception
    (run,) = caches.get_engine().list_runs()
    assert run.config.strategy.textbook_case == case
    assert run.config.network == "demonstration"
    assert read_query(app, "run") == run.id
    caches.get_engine().wait(run.id, timeout=60)


def test_a_reload_between_the_click_on_start_and_train_goes_on_with_the_same_run():
    secret = open_workspaces(get_home()).read_own_secret()
    for word in ("plankton.one", "nothing.one"):
        app = build_page("start", live=f"{word}.{make_proof('another', word)}").run()
        assert "Teach" in app.title[0].value and "live" not in app.query_params
    asked = {"live": f"plankton.one.{make_proof(secret, 'plankton.one')}"}
    for __ in range(2):
        app = build_page("start", **asked).run()
        assert app.title[0].value == "Train" and "live" not in app.query_params
        (run,) = caches.get_engine().list_runs()
        assert read_query(app, "run") == run.id
    app.switch_page("pages/start.py")
    app.query_params = asked
    assert "Teach" in app.run().title[0].value  # going back does not lead forward again
    caches.get_engine().wait(run.id, timeout=60)


def test_the_camera_is_a_click_away_from_start():
    app = build_page("start").run()
    app.button(key="start_record").click().run()
    assert not app.exception
    assert app.title[0].value == "Data"
    assert read_query(app, "way") == "record"


def test_presenting_is_kept_in_the_address_until_it_is_switched_off(data):
    app = build_page("data", data=data.id, present="yes").run()
    assert app.toggle(key="layout_present").value
    assert app.session_state["journey"].present
    app.toggle(key="layout_present").set_value(False).run()
    assert not app.session_state["journey"].present
    assert "present" not in app.query_params


ADDRESSES = {  # what the address of a page holds beside the data set and the run
    "data": {"present": "yes", "lang": "de"},
    "decide": {"answer": "different", "line": "20", "minutes": "2", "option": "3"},
    "train": {"set_epochs": "7", "train_code": "True"},
    "results": {"results_view": "images", "results_list": "uncertain", "results_class": "red"},
    "repair": {"repair_view": "aside"},
    "layers": {"layers_class": "1", "layers_stage": "conv2", "layers_channel": "3"},
    "playground": {"head_epochs": "20"},
    "learn": {"part": "2.1"},
    "sabotage": {"sabotage_class": "2"},
    "networks": {"networks_name": "resnet", "networks_here": "True", "look": "resnet18"},
    "runs": {"runs_text": "colours", "runs_order": "Oldest first", "runs_cases": "1"},
    "compare": {"compare_seeds": "3"},
}


@pytest.mark.parametrize("page", ADDRESSES)
def test_an_address_brings_its_state_back(page, data, request):
    if page == "sabotage":
        data = dataset.spoil(get_home(), data, "labels", seed=0)
    query = {"data": data.id} | ADDRESSES[page]
    if page in {"results", "repair", "runs"}:
        query["run"] = request.getfixturevalue("finished")
    app = build_page(page, **query).run()
    assert not app.exception and not app.error
    assert page != "data" or app.title[0].value == "Daten"
    assert {name: read_query(app, name) for name in query} == query
    for name, text in query.items():
        if "_" in name and name != "set_epochs":  # a widget has it
            assert str(app.session_state[name]) in (text, f"[{text}]", f"['{text}']")
