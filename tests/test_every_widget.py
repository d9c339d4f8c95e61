"""Every widget of every page, changed one after the other: it changes what it is there for."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest, element_tree
from test_pages import build_page, own_engine, read_query  # noqa: F401
from zips import make_picture, write_zip

from pages.parts.class_room import handing_out
from pages.shared import caches
from transfer_core import dataset, networks, workspaces
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset import FLAW_KINDS
from transfer_core.export import prepare_download
from transfer_core.networks import get_network
from transfer_core.runs.launch import make_run_config, start_engine
from transfer_core.runs.store import curation
from transfer_core.system import get_home
from transfer_core.transferability import LayerTransferPoint, network_ranking, save_points

PHOTO = make_picture(1_000, (64, 64))
FEW_NETWORKS = {"demonstration", "squeezenet1_1", "resnet18"}
LAST_WIDGET = "Remove for good"  # takes away what other widgets of the page need
APPLYING_BUTTONS = {  # widgets whose value is applied by a button beside them
    "Minutes": "Fit the run",
    "Also networks that are still to be downloaded": "Fit the run",
}
FORM_BUTTON = "Update code and time"  # applies the settings of the Train page's form
FORM_BUTTONS = {  # of the page Class
    "Data set": "Hand it to all",
    "Network": "Hand it to all",
    "Way to train": "Hand it to all",
    "Name of the class": "Open the class",
    "Teacher's password": "Open the class",
    "Days kept after the end": "Open the class",
}
MUST_CHANGE = {  # by page: kind of a widget, beginning of its label, expected changes
    "": [  # any page
        ("button", "Go on: ", {"title"}),
        ("toggle", "Present", {"address", "journey"}),
        ("selectbox", "Language", {"address", "journey"}),
        ("button", "Make a link", {"code"}),
        ("button", "Withdraw the link", {"code"}),
    ],
    "data": [
        ("selectbox", "An earlier data set", {"button"}),
        ("button", "Open it", {"address", "journey"}),
        ("button", "Delete the images", {"address", "journey"}),  # see `nothing_cleared`
        ("button", "Use ", {"data sets", "address", "journey", "markdown", "plotly_chart"}),
        ("download_button", "", {"download"}),
    ],
    "decide": [
        ("button_group", "Similar to what", {"journey", "address", "bidi_component"}),
        ("select_slider", "Minutes I have", {"journey", "address"}),
        ("button", "Back to the recommendation", {"journey", "address", "bidi_component"}),
        ("selectbox", "Where to cut", {"journey", "address", "bidi_component"}),
        ("button", "Train it", {"runs"}),
        ("button", "Run all four", {"runs", "title"}),
    ],
    "train": [
        ("number_input", "Minutes", {"journey"}),
        ("toggle", "Also networks", {"journey"}),
        ("button", "Fit the run", {"journey", "number_input"}),
        ("toggle", "Show the code", {"code"}),
        ("number_input", "", {"code"}),  # every setting is a line of the code
        ("checkbox", "", {"code"}),
        ("selectbox", "", {"code"}),
        ("button", FORM_BUTTON, set()),  # applies the settings; see the settings themselves
        ("button", "Start", {"runs", "address", "journey"}),
        ("button", "Back to the usual", {"journey", "number_input"}),
        ("button", "Set up another run", {"address", "journey", "number_input"}),
    ],
    "results": [
        ("button", "Try it", {"title"}),
        ("button_group", "What to see", {"address"}),
        ("selectbox", "Actual class", {"image", "subheader"}),
        ("selectbox", "Predicted class", {"image", "subheader"}),
        ("button", "Explain image", {"address", "plotly_chart"}),
        ("button_group", "Which images", {"image"}),
        ("selectbox", "Of which class", {"image"}),
        ("number_input", "Test image", {"address", "image", "plotly_chart"}),
        ("file_uploader", "Or an image", {"image", "plotly_chart"}),
        ("selectbox", "Beside the predicted", {"plotly_chart"}),
        ("button", "Check it", {"plotly_chart"}),
        ("button_group", "How to lay it out", {"plotly_chart"}),
    ],
    "repair": [
        ("button_group", "Look at", {"image"}),
        ("button", "Make a new version", {"data sets", "basket", "address", "journey"}),
        ("button", "", {"basket"}),  # every button of an image
        ("selectbox", "Another class", {"basket"}),
    ],
    "try_it": [
        ("file_uploader", "Images", {"image", "markdown"}),
        ("toggle", "Live from the camera", {"bidi_component"}),
        ("toggle", "What it looks at", {"plotly_chart"}),
        ("selectbox", "It is", {"button"}),
        ("button", "Keep as a training image", {"basket"}),
        ("button", "That is right", {"markdown"}),
        ("selectbox", "That is wrong: it is", {"button"}),
    ],
    "take_away": [
        ("button", "Prepare offline page", {"link_button"}),
        ("button", "Prepare report", {"link_button"}),
        ("button", "Prepare", {"files"}),
        ("checkbox", "With the images", {"link_button"}),
    ],
    "sabotage": [
        ("button", "Open set", {"data sets", "address", "journey"}),
        ("selectbox", "Which flaw", {"caption"}),
        ("selectbox", "Look at the class", {"image"}),
        ("button", "Spoil a copy", {"data sets", "address", "journey"}),
        ("radio", "Your guess", {"button"}),
        ("multiselect", "Which classes", set()),  # counts in the guess; see the page's own tests
        ("button", "Guess, and open the key", {"markdown", "image"}),
        ("number_input", "Page", {"image"}),
        ("button", "Repair what is left", {"title", "basket"}),
        ("button", "Undo", {"address", "journey"}),
    ],
    "layers": [
        ("button_group", "View", {"address", "subheader"}),
        ("selectbox", "Network", {"address", "caption"}),
        ("selectbox", "Image from", {"address", "selectbox"}),
        ("selectbox", "Class", {"address", "image"}),
        ("selectbox", "Sample", {"address", "image"}),
        ("select_slider", "How deep", {"address", "caption"}),
        ("button", "How transferable", {"address", "subheader"}),
        ("toggle", "Show all", {"address"}),
        ("button", "Measure every cut", {"plotly_chart"}),
    ],
    "learn": [
        ("button_group", "Chapter", {"subheader", "address"}),
        ("button", "Next", {"subheader", "address"}),
        ("button", "Back", {"subheader", "address"}),
        ("button", "Forget my answers", {"subheader", "address"}),
        ("radio", "", {"html"}),
        ("download_button", "", {"download"}),
        ("button_group", "How many pictures", {"markdown"}),
        ("button_group", "Like those it knows", {"markdown"}),
        ("slider", "", set()),
        ("button", "Keep my guess", {"runs"}),
    ],
    "networks": [
        ("text_input", "Name", {"dataframe"}),
        ("select_slider", "Download at most", {"dataframe"}),
        ("toggle", "On this computer", {"dataframe"}),
        ("text_input", "Part of a name", {"caption"}),  # it is given no name of timm
        ("selectbox", "Look at", {"subheader"}),
        ("button", "Compare the networks", {"markdown", "button"}),
        ("button", "Take it", {"journey", "button"}),
    ],
    "runs": [
        ("text_input", "Name", {"runs", "dataframe"}),
        ("multiselect", "Tags", {"runs", "dataframe"}),
        ("text_area", "Notes", {"runs", "dataframe"}),
        ("text_input", "Search", {"dataframe"}),
        ("selectbox", "Order", {"dataframe"}),
        ("multiselect", "Runs to bring back", {"button"}),
        ("multiselect", "", {"dataframe"}),  # every filter
        ("button", "Bring back", {"runs", "deleted runs", "dataframe"}),
        ("button", "Remove for good", {"deleted runs"}),
        ("button", "Delete everything", {"success"}),  # see `nothing_cleared`
        ("button", "Delete", {"runs", "deleted runs", "dataframe"}),
        ("button", "Repeat exactly", {"runs", "title"}),
        ("toggle", "Show the link", {"code"}),
        ("button", "Compare", {"title"}),
    ],
    "class_room": [
        ("selectbox", "Network", set()),  # there is one only
        ("selectbox", "", {"caption"}),  # of what is handed out
        ("button", "Hand it to all", {"caption"}),
        ("toggle", "Hide names", {"dataframe"}),
        ("button_group", "What to see", {"dataframe"}),
        ("download_button", "Results as CSV", {"download"}),
        ("button", "Close the class", {"markdown"}),
        ("button", "Delete the class", {"markdown"}),
        ("text_input", "", set()),  # counts with the right password; see the page's own tests
        ("number_input", "", set()),
        ("button", "Open the class", {"error"}),
    ],
    "compare": [
        ("button_group", "All runs together", set()),  # times that nobody has measured yet
        ("button_group", "Seeds", {"button"}),
        ("button", "Run all four", {"runs", "address"}),
        ("toggle", "Run by run", {"multiselect"}),
        ("multiselect", "Runs to compare", {"address", "journey", "plotly_chart"}),
        ("button_group", "Images", {"plotly_chart"}),
        ("toggle", "Only what differs", {"dataframe"}),
    ],
    "playground": [
        ("button", "Learn too", {"markdown", "button"}),
        ("button", "Hardly any images", {"markdown", "button"}),
        ("button", "One class missing", {"markdown", "button"}),
        ("button", "Back to the default", {"address", "metric", "bidi_component"}),
        ("select_slider", "Draws of each size", {"markdown"}),
        ("select_slider", "", {"address", "bidi_component"}),  # the curves
        ("selectbox", "Class without images", {"address", "metric", "bidi_component"}),
        ("button", "Make it a run", {"runs", "title"}),
        ("button", "Measure the new layer", {"button"}),
        ("button_group", "Train on the same images", {"markdown"}),
        ("button", "How long would it take", {"markdown", "button"}),
        ("button", "Start", {"progress"}),
    ],
}
CHOOSERS = (
    element_tree.ButtonGroup,
    element_tree.Multiselect,
    element_tree.Radio,
    element_tree.Selectbox,
    element_tree.SelectSlider,
)


def make_click(key: str) -> Callable[[AppTest], object]:
    """Press the first button whose key begins so, to get a page into another state."""

    def click(app: AppTest) -> None:
        next(b for b in app.button if (b.key or "").startswith(key)).click().run().run()

    return click


def show_code(app: AppTest) -> None:
    app.toggle(key="train_code").set_value(True).run()


def measure_new_layer(app: AppTest) -> None:
    app.button(key="enough_go").click().run()
    caches.get_enough_job(read_query(app, "data"), "demonstration").wait()
    app.run()


def upload_image(app: AppTest) -> None:
    app.file_uploader(key="try_files").set_value([("a.png", PHOTO, "image/png")]).run()


def guess_shortcut(app: AppTest) -> None:
    make_click("sabotage_set_A")(app)
    kind = app.radio(key="sabotage_guess")
    kind.set_value(kind.options[FLAW_KINDS.index("shortcut")]).run()


def open_key(app: AppTest) -> None:
    guess_shortcut(app)
    make_click("sabotage_open")(app)


STATES = {  # of each page that has widgets: what its address asks for, and what is done first
    "data": [(("data",), None)],
    "decide": [(("data", "option=2-conv1"), None)],
    "train": [
        (("data", "option=1"), show_code),
        (("data", "option=3"), show_code),
        (("data", "option=1"), make_click("train_fit")),
        (("run",), None),
    ],
    "results": [
        (("run", f"results_view={view}"), AppTest.run)  # its view comes from the address
        for view in ("scores", "training", "images", "confidence", "maps", "embedding", "settings")
    ],
    "repair": [
        (("run", "data"), AppTest.run),
        (("data",), AppTest.run),
        (("run", "data"), make_click("repair_set aside")),
    ],
    "try_it": [(("run",), upload_image), (("run", "test=1"), upload_image)],
    "take_away": [(("run",), None), ((), None)],
    "sabotage": [
        (("data",), None),
        ((), make_click("sabotage_set_A")),
        ((), guess_shortcut),
        ((), open_key),
    ],
    "learn": [(("part=1.2",), None), (("part=3.1",), None)],
    "layers": [  # its choices come from the address
        (("data", "run"), AppTest.run),
        (("data", "layers_network=demonstration", "layers_view=transfer"), AppTest.run),
        (("layers_network=demonstration",), AppTest.run),
    ],
    "networks": [  # the last: compared before
        ((), AppTest.run),
        (("data",), AppTest.run),
        (("data",), AppTest.run),
    ],
    "runs": [(("one",), AppTest.run), (("several",), AppTest.run), ((), AppTest.run)],
    "class_room": [((), AppTest.run), ((), AppTest.run)],  # the second time it is closed
    "compare": [(("several",), AppTest.run), (("data",), AppTest.run)],
    "playground": [
        (("data", "head_epochs=20"), AppTest.run),  # its sliders come from the address
        (("data",), measure_new_layer),  # the time that the rest takes is not known
        (("data",), measure_new_layer),  # it was asked for before
    ],
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A home with near-duplicates, two finished runs, a deleted one; and what to ask for."""
    home = tmp_path_factory.mktemp("prepared")
    files = {
        f"{split}/{name}/{number}.png": make_picture(100 * label + 10 * part + number, (64, 64))
        for label, name in enumerate(("ant", "bee", "cat"))
        for part, (split, count) in enumerate({"train": 6, "val": 4, "test": 6}.items())
        for number in range(count)
    }
    files["train/ant/again.bmp"] = make_picture(0, (64, 64), "BMP")
    files["train/ant/torn.png"] = PHOTO[:200]
    data = dataset.ingest(write_zip(home / "given.zip", files), home=home)
    del files["train/ant/again.bmp"]
    other_data = dataset.ingest(write_zip(home / "other.zip", files), home=home)
    source = get_network("demonstration")
    first, second = (
        plan_strategy(case, source.stage_names, kind=source.kind) for case in list(TransferCase)[:2]
    )
    asked_for = (data, first), (data, first), (other_data, second), (data, first)
    with start_engine(home) as engine:
        runs = [
            engine.submit(make_run_config(each, source, strategy, 0), name=f"run {number}")
            for number, (each, strategy) in enumerate(asked_for)
        ]
        for run in runs:
            engine.wait(run, timeout=120)
        curation.update_run(engine.store, runs[0], tags=("kept",))
        curation.delete_runs(engine.store, runs[3:])
    prepare_download(home, runs[0], "script", lambda *_: None)
    classes, everybody = workspaces.open_classes(home), workspaces.open_workspaces(home)
    class_ = classes.open(everybody.this_computer, "7b")
    classes.join(everybody.find(everybody.create()), class_.code, "Ada")
    one, two = (f"runs={','.join(runs[:count])}" for count in (1, 2))
    return home, {"data": f"data={data.id}", "run": f"run={runs[0]}", "one": one, "several": two}


@pytest.fixture
def made(prepared, transfer_home) -> dict[str, str]:
    """Queries into the test's own copy of the prepared home."""
    shutil.copytree(prepared[0], transfer_home, dirs_exist_ok=True)
    return prepared[1]


@pytest.fixture(autouse=True)
def few_networks(monkeypatch):
    """Only three, since fitting a run into a time measures each of them."""
    few = [each for each in networks.list_networks() if each.name in FEW_NETWORKS]
    monkeypatch.setattr(networks, "list_networks", lambda: few)
    here = get_network("demonstration"), get_network("efficientnet_lite0")
    monkeypatch.setattr(network_ranking, "list_present_networks", lambda: here)


@pytest.fixture(autouse=True)
def nothing_cleared(monkeypatch):
    """Other widgets need what the workspace has."""
    for name in ("clear_workspace", "delete_data_set"):
        monkeypatch.setattr(workspaces, name, lambda *_: None)


@pytest.fixture(autouse=True)
def no_samples_to_hand_out(monkeypatch):
    """Only the data sets that are there, since reading a sample takes a second."""
    monkeypatch.setattr(handing_out, "SAMPLES", {})


@pytest.fixture(autouse=True)
def quick_layer_transfer(monkeypatch):
    """One point in place of all trainings of the experiment."""

    def measure(data_id, network, progress):
        points = (LayerTransferPoint("own-pretrained-frozen", 1, 0, 0.5),)
        save_points(get_home(), caches.load_data_set(data_id), get_network(network), points)
        yield points

    monkeypatch.setattr(caches, "measure_layer_transfer", measure)
    monkeypatch.setattr(caches, "time_layer_transfer", lambda *_: 2.0)
    grey = np.full((8, 8, 3), 127, np.uint8)
    monkeypatch.setattr(caches, "make_exciting_image", lambda *_: grey)


@pytest.fixture(autouse=True)
def options_as_shown(monkeypatch):
    """Let the driver choose an option by the words that the page shows for it."""

    def choose_by_label(self, real):
        return lambda value: value if value in self.options else real(value)

    for kind in CHOOSERS:
        real = kind.format_func.fget
        monkeypatch.setattr(
            kind, "format_func", property(lambda self, real=real: choose_by_label(self, real(self)))
        )


def open_state(name: str, query: tuple[str, ...], before: Callable | None) -> AppTest:
    app = build_page(name, **dict(part.split("=") for part in query)).run()
    if before:
        before(app)
    assert not app.exception
    return app


def iter_elements(block) -> Iterator:
    for child in block.children.values():
        if isinstance(child, element_tree.Block):
            yield from iter_elements(child)
        elif getattr(child, "proto", None) is not None:
            yield child


def list_widgets(app: AppTest) -> dict[tuple[str, str], element_tree.Widget]:
    """The first widget of each kind and label; others of the label do the same elsewhere."""
    found: dict = {}
    for each in iter_elements(app._tree):
        if isinstance(each, element_tree.Widget):
            words = re.sub(r"\d+", "N", each.proto.label)
            found.setdefault((each.type, words), each)
    return dict(sorted(found.items(), key=lambda item: item[0][1] == LAST_WIDGET))


def observe(app: AppTest, except_widget: str) -> dict[str, object]:
    """Everything that can be seen of a session and of what is stored, less one widget.

    Elements of the page are sorted by their kind: "markdown", "plotly_chart" and so on.
    """
    seen: dict[str, object] = {}
    for each in iter_elements(app._tree):
        if getattr(each.proto, "id", None) != except_widget:
            proto = type(each.proto).FromString(each.proto.SerializeToString())
            for name in {"id", "deferred_file_id"} & {*proto.DESCRIPTOR.fields_by_name}:
                proto.ClearField(name)
            shown = seen.setdefault(each.type, [])
            shown.append(proto.SerializeToString(deterministic=True))
    engine = caches.get_engine()
    runs = [(run.id, run.name, run.tags, run.notes) for run in engine.store.list()]
    deleted = [run.id for run in engine.store.list(deleted=True)]
    state = app.session_state
    return seen | {
        "runs": runs,
        "deleted runs": deleted,
        "journey": str(state["journey"]) if "journey" in state else None,
        "basket": str(state["baskets"]) if "baskets" in state else None,
        "address": {name: read_query(app, name) for name in app.query_params},
        "files": {file: file.stat().st_mtime_ns for file in engine.home.rglob("*.zip")},
        "data sets": dataset.list_data_sets(engine.home),
    }


def list_changes(before: dict[str, object], after: dict[str, object]) -> set[str]:
    """Names of the parts that differ."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def get_expected_changes(page: str, kind: str, label: str) -> set[str]:
    """The changes that a widget must make: elements of the page by kind, or stored things."""
    for expected_kind, beginning, changes in MUST_CHANGE[""] + MUST_CHANGE[page]:
        if kind == expected_kind and label.startswith(beginning):
            return changes
    raise AssertionError(f"say in MUST_CHANGE what {kind} {label!r} of page {page} changes")


def choose_other_value(widget) -> object:
    """A value that the widget does not have."""
    match widget.type:
        case "button" | "download_button" | "toggle" | "checkbox":
            return not widget.value
        case "number_input":
            step = widget.proto.step or 1
            return widget.value + (step if widget.value + step <= widget.proto.max else -step)
        case "slider":
            return widget.value + widget.step
        case "text_input" | "text_area":
            return f"{widget.value} other"
        case "file_uploader":
            file = ("new.png", make_picture(2_000, (64, 64)), "image/png")
            return [file] if widget.accept_multiple_files else file
        case "multiselect":
            return [each for each in widget.options if each not in widget.values][:1]
        case "button_group" if isinstance(widget.value, list):  # several, of which one is taken out
            return widget.value[1:]
        case "pagination":
            return widget.value % widget.proto.num_pages + 1
        case _:
            now = None if widget.value is None else widget.format_func(widget.value)
            return next(each for each in widget.options if each != now)


def change(fresh: Callable[[], AppTest], name: tuple[str, str]) -> set[str]:
    """Change a widget of a fresh page; return what else has changed by it."""
    app = fresh()
    widget = list_widgets(app)[name]
    button = APPLYING_BUTTONS.get(name[1])
    if widget.type != "button" and widget.form_id:
        button = FORM_BUTTONS.get(name[1], FORM_BUTTON)
    before = observe(press(fresh(), button) if button else app, widget.id)
    widget.set_value(choose_other_value(widget))
    press(app, button) if button else app.run(timeout=120)
    assert not app.exception, name
    changes = list_changes(before, observe(app, widget.id))
    if widget.type == "download_button" and (widget.proto.url or widget.proto.deferred_file_id):
        changes.add("download")
    return changes


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run(timeout=120)


def tidy(made: dict[str, str]) -> None:
    """End what a widget has started, and bring back the runs that it has deleted."""
    engine = caches.get_engine()
    if any(thread.name == "enough" for thread in threading.enumerate()):
        job = caches.get_enough_job(made["data"].removeprefix("data="), "demonstration")
        job.stop()
        job.wait()
    for run in engine.list_runs():
        engine.stop(run.id)
        engine.wait(run.id, timeout=60)
    needed = made["several"].removeprefix("runs=").split(",")
    deleted = [run.id for run in engine.store.list(deleted=True)]
    curation.restore_runs(engine.store, [run for run in needed if run in deleted])


@pytest.mark.slow
@pytest.mark.parametrize("name", STATES)
def test_every_widget_changes_what_it_must_or_says_why_it_cannot(name, made):
    """Each once, in the first state of its page in which it can be used."""
    tried, unchanged = set(), {}
    for asked_for, before in STATES[name]:
        query = tuple(made.get(part, part) for part in asked_for)
        fresh = partial(open_state, name, query, before)
        first = fresh()
        # Otherwise a change would prove nothing.
        assert list_changes(observe(first, ""), observe(first.run(), "")) == set()
        for each, widget in list_widgets(first).items():
            if each in tried:
                continue
            if widget.proto.disabled:
                assert widget.proto.help, f"{each} does not say why it cannot be used"
                continue
            tried.add(each)
            changes, expected = change(fresh, each), get_expected_changes(name, *each)
            if not expected <= changes:
                unchanged[each] = expected - changes
            tidy(made)
    assert tried
    assert unchanged == {}
