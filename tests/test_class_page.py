"""The page Class: what a teacher, a student and a stranger see and do there, and who cleans up."""

import asyncio
import time
from dataclasses import replace
from functools import partial

import pytest
from streamlit.runtime.scriptrunner import RerunData
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState
from streamlit.testing.v1 import local_script_runner
from test_pages import list_texts, own_engine  # noqa: F401
from test_server import set_options
from test_workspaces import open_as
from toy_runs import make_config, make_step, make_test_result

from pages.parts.class_room import board, device_minutes
from pages.parts.class_room import student as student_card
from pages.parts.class_room import teacher as teacher_parts
from pages.parts.class_room.capacity import _list_reasons
from pages.shared import caches, class_keeping, class_task, sharing
from transfer_core.runs import (
    ActiveRun,
    Capacity,
    Expectation,
    Lane,
    Place,
    QueuedRun,
    RunState,
    RunStore,
)
from transfer_core.runs.engine.engine import Engine
from transfer_core.system import Hardware
from transfer_core.workspaces import Belongings, ClassRun, Task, open_classes, open_workspaces
from transfer_core.workspaces.classes import password

TEACHERS = ("class_stop", "class_front", "class_close", "class_delete")  # keys of buttons
LAN, MAPPED = "http://192.168.1.7:8501", "http://localhost:8080"
pytestmark = pytest.mark.real_workspaces


@pytest.fixture
def secrets(transfer_home):
    """The cookies of a teacher's browser and a student's."""
    password._get_tries.cache_clear()
    return [open_workspaces(transfer_home).create() for __ in range(2)]


def open_class_page(monkeypatch, secret, **query):
    app = open_as(monkeypatch, secret, "class_room", **query)
    assert not app.exception
    return app


def list_keys(app) -> set[str]:
    return {each.key for each in (*app.button, *app.text_input, *app.toggle) if each.key}


def is_code_in_sight(app, code: str) -> bool:
    """Whether the code and the address with it are drawn, unfolded."""
    folded = [each for popover in app.get("popover") for each in popover.get("html")]
    drawn = [each.proto.body for each in app.get("html") if each not in folded]
    return any(code in each for each in drawn) and f"?class={code}" in app.code[0].value


def join_by_page(monkeypatch, secret, code, nickname="Ada"):
    app = open_class_page(monkeypatch, secret, **{"class": code})
    assert app.text_input(key="class_code").value == code
    app.text_input(key="class_nickname").set_value(nickname)
    next(each for each in app.button if each.label == "Join").click().run()
    return app


def test_a_teacher_opens_a_class_and_a_student_does_the_task_that_is_handed_out(
    secrets, transfer_home, monkeypatch
):
    teacher = open_class_page(monkeypatch, secrets[0])
    teacher.text_input(key="class_password").set_value("wrong")
    next(each for each in teacher.button if each.label == "Open the class").click().run()
    assert "not the teacher's password" in list_texts(teacher)
    teacher.text_input(key="class_password").set_value(password.make_password())
    next(each for each in teacher.button if each.label == "Open the class").click().run()
    (class_,) = open_classes(transfer_home).list_all()
    assert "Nobody has joined" in list_texts(teacher)
    assert is_code_in_sight(teacher, class_.code)
    assert teacher.get("image")  # the QR code

    student = join_by_page(monkeypatch, secrets[1], class_.code)
    assert "Ada in" in student.subheader[0].value and "class" not in student.query_params
    assert not any(key.startswith(TEACHERS) for key in list_keys(student))

    teacher = open_class_page(monkeypatch, secrets[0])
    assert teacher.dataframe[0].value["student"].tolist() == ["Ada"]
    assert is_code_in_sight(teacher, class_.code)  # still
    teacher.selectbox(key="class_way").set_value("1")
    next(each for each in teacher.button if each.label == "Hand it to all").click().run()
    assert not teacher.exception and "Handed out: Plankton" in list_texts(teacher)
    offered = open_class_page(monkeypatch, secrets[0]).selectbox(key="class_data").options
    assert len(offered) == len(set(offered))  # the sample that was read is not offered twice

    assert "hands you" in list_texts(open_as(monkeypatch, secrets[1], "start"))
    student = open_class_page(monkeypatch, secrets[1])
    student.number_input[0].set_value(0).run()
    student.button(key="class_task").click().run()
    assert student.title[0].value == "Train" and not student.exception
    engine = caches.get_engine()
    (run,) = engine.store.list()
    engine.wait(run.id, timeout=60)
    assert "hands you" not in list_texts(open_as(monkeypatch, secrets[1], "start"))

    teacher = open_class_page(monkeypatch, secrets[0])
    row = teacher.dataframe[0].value.iloc[0]
    assert (row["guess"], row["case"], row["now"]) == (0, 1, "finished") and row["test"] > 50
    assert "1 run, " in list_texts(teacher) and "hardly differ" in list_texts(teacher)
    teacher.toggle(key=f"class_hidden_{class_.id}").set_value(True).run()
    assert teacher.dataframe[0].value["student"].tolist() == ["Student 1"]
    assert "Ada" not in list_texts(teacher)
    student = open_class_page(monkeypatch, secrets[1])
    result = engine.get(run.id).result
    right = sum(row[number] for number, row in enumerate(result.confusion))
    said = f"{right} of {result.images} test images are right ({result.accuracy:.0%})"
    assert f"{said}. Your guess: 0%." in list_texts(student)
    assert not student.number_input  # the first guess stays
    student.button(key="class_task").click().run()
    assert len(engine.store.list()) == 2 and not student.exception
    guesses = caches.get_class_board(class_.id).read(class_)[1]
    assert [each.guess for each in guesses] == [0, 0]


def open_class_with_ada(home, secrets):
    """The classes, one that is open, its teacher, and the student in it."""
    classes, workspaces = open_classes(home), open_workspaces(home)
    teacher, student = (workspaces.find(secret) for secret in secrets)
    class_ = classes.open(teacher, "7b")
    classes.join(student, class_.code, "Ada")
    return classes, class_, teacher, student


def test_a_student_who_waits_sees_the_task_when_it_is_handed_out(
    secrets, transfer_home, monkeypatch
):
    classes, class_, teacher, student = open_class_with_ada(transfer_home, secrets)
    fragments = []
    monkeypatch.setattr(
        student_card, "draw_again", lambda: fragments.append(ThreadState.get().fragment_id)
    )
    app = open_class_page(monkeypatch, secrets[1])
    assert "will hand you a task" in list_texts(app) and len(fragments) == 1 and fragments[0]
    classes.set_task(teacher, class_.id, Task("token", "ants", "demonstration", "1", time.time()))
    make_timer(monkeypatch, fragments[0])
    app.run()
    assert "hands you ants" in list_texts(app) and "will hand you" not in list_texts(app)
    assert len(fragments) == 2 and not app.subheader  # the fragment alone
    classes.close(teacher, class_.id)
    app.run()
    assert "The class is closed" in list_texts(app) and len(fragments) == 3  # no timer any more


def test_a_task_is_opened_outside_of_what_is_drawn_again_and_again(
    secrets, transfer_home, monkeypatch
):
    classes, class_, teacher, student = open_class_with_ada(transfer_home, secrets)
    classes.set_task(teacher, class_.id, Task("token", "ants", "demonstration", "1", time.time()))
    opened_in = []
    monkeypatch.setattr(
        class_task, "_open_task", lambda *_task: opened_in.append(ThreadState.get().fragment_id)
    )
    open_class_page(monkeypatch, secrets[1]).button(key="class_task").click().run()
    assert opened_in == [None]  # a timer would interrupt it, and draw into the next page


def make_timer(monkeypatch, fragment_id: str) -> None:
    """Let an AppTest run one fragment from now on, as its timer does."""
    monkeypatch.setattr(
        local_script_runner, "RerunData", partial(RerunData, fragment_id_queue=[fragment_id])
    )


def test_the_board_of_a_closed_class_is_live_while_a_run_goes_on(
    secrets, transfer_home, monkeypatch
):
    classes, class_, teacher, student = open_class_with_ada(transfer_home, secrets)
    runs = Belongings(transfer_home, student).runs
    run = runs.create(make_config(), "ants", student.id, engine="nobody's").id
    runs.set_state(run, RunState.training)
    classes.close(teacher, class_.id)
    watched = []
    monkeypatch.setattr(teacher_parts, "watch_board", watched.append)
    open_class_page(monkeypatch, secrets[0])
    assert watched == [class_.id]
    runs.set_state(run, RunState.finished, result=make_test_result())
    app = open_class_page(monkeypatch, secrets[0])
    assert watched == [class_.id] and app.dataframe[0].value["now"].tolist() == ["finished"]


def test_the_capacity_names_the_class_and_nobody_else(secrets, transfer_home, monkeypatch):
    classes, workspaces = open_classes(transfer_home), open_workspaces(transfer_home)
    teacher, student = (workspaces.find(secret) for secret in secrets)
    runs = Belongings(transfer_home, student).runs
    private = runs.create(make_config(), "my secret", student.id, engine="nobody's").id
    class_ = classes.open(teacher, "7b")
    classes.join(student, class_.code, "Ada <b>")
    owners = student.id, student.id, teacher.id
    trains, waits, own = (
        runs.create(make_config(), f"run {n}", owner, engine="nobody's").id
        for n, owner in enumerate(owners)
    )
    runs.set_state(trains, RunState.training, started=time.time() - 90)
    runs.append(trains, [make_step(1)])
    active = (ActiveRun(runs.get(trains), "17", time.time() - 90, 0.25),)
    place = Place("slurm", None, 4, active, (None,) * 3)
    queue = ((waits, 120.0), (own, 180.0), (private, None))
    queued = tuple(QueuedRun(runs.get(each), None, seconds) for each, seconds in queue)
    capacity = Capacity((place,), queued)
    monkeypatch.setattr(caches.get_engine(), "read_capacity", lambda: capacity)
    app = open_class_page(monkeypatch, secrets[0], class_view="capacity")
    table, cost, each = (frame.value for frame in app.dataframe)
    assert table["student"].tolist() == ["Ada <b>", "Ada <b>", "You", "Somebody else"]
    assert table["run"].tolist()[:2] == ["run 0", "run 1"] and table["where"][0] == "SLURM 17"
    assert table["done"][0] == 25 and table["wait"][1] == "in about 2 min"
    drawing = next(html for html in map(read_html, app.get("html")) if "capacity" in html)
    assert "SLURM · at most 4 runs at a time" in drawing and "3 × free" in drawing
    assert "Ada &lt;b&gt;<small>training, 25%" in drawing and "1 Ada &lt;b&gt;<small>in" in drawing
    assert "my secret" not in drawing + str(table.values)
    assert table["wait"][3] == "not known yet" and "cluster does not tell" in list_texts(app)
    assert cost["student"].tolist() == ["Ada <b>"] and cost["minutes"][0] >= 0
    assert set(each["run"]) <= {"run 0", "run 1"} and "device minutes in" in list_texts(app)
    app.toggle(key=f"class_hidden_{class_.id}").set_value(True).run()
    drawing = "".join(map(read_html, app.get("html")))
    assert "Student 1" in drawing and "Ada" not in drawing + str(app.dataframe[0].value.values)
    app.button_group(key="class_view").set_value("students").run()
    assert "now" in app.dataframe[0].value and "where" not in app.dataframe[0].value


def test_device_minutes_are_of_the_runs_that_began(secrets, transfer_home, monkeypatch):
    __, class_, _teacher, _student = open_class_with_ada(transfer_home, secrets)
    waits = RunStore(transfer_home).create(make_config())
    runs = [
        ClassRun("Ada", 1, replace(waits, started=started), "ants", None, None, seconds)
        for started, seconds in ((1.0, 90.0), (None, 0.0))
    ]
    tables, words = [], []
    monkeypatch.setattr(device_minutes, "_show_table", lambda rows, *_, **__: tables.append(rows))
    monkeypatch.setattr(device_minutes.st, "markdown", words.append)
    device_minutes.show_device_minutes(class_, runs)
    assert words == ["**The class has used 1.5 device minutes in 1 run.**"]
    assert tables[0] == [{"student": "Ada", "runs": 1, "minutes": 1.5}] and len(tables[1]) == 1


def test_the_capacity_says_why_a_place_stays_free_and_a_wait_is_not_known(transfer_home):
    run = RunStore(transfer_home).create(make_config())
    here = Hardware("cpu", "Fast", None, 2)

    def explain(seconds, *free, lane=Lane.long):
        place = Place("Fast", here, 2, (), free)
        return " ".join(_list_reasons(Capacity((place,), (QueuedRun(run, lane, seconds),))))

    assert "kept for short runs" in explain(1.0, Lane.short)
    assert "kept for long runs" in explain(1.0, Lane.long, lane=Lane.short)
    assert explain(1.0, Lane.long) == explain(1.0) == ""  # it begins at once; nothing is free
    assert "once runs like" in explain(None)
    assert _list_reasons(Capacity((Place("Fast", here, 2, (), (Lane.short,)),), ())) == []


def test_all_runs_of_a_student_are_reached_from_the_board(secrets, transfer_home, monkeypatch):
    classes, class_, teacher, student = open_class_with_ada(transfer_home, secrets)
    runs = Belongings(transfer_home, student).runs
    monkeypatch.setattr(Engine, "reconcile", lambda _engine: None)  # else it takes the runs over
    told = Expectation("1", True, 0.9, 0.8, 1.0, 1.0, 2.0)
    best, *waiting = (
        runs.create(make_config(), "ants", student.id, engine="nobody's", expectation=each).id
        for each in (told, None, None)
    )
    runs.set_state(best, RunState.finished, result=make_test_result())
    app = open_class_page(monkeypatch, secrets[0])
    assert app.dataframe[0].value["runs"].tolist() == [3] and "Choose a row" in list_texts(app)
    assert len(app.dataframe) == 1
    rows = caches.get_class_board(class_.id).read(class_)[0]
    monkeypatch.setattr(board, "_show_rows", lambda *_rows: rows[0])
    app = open_class_page(monkeypatch, secrets[0])
    table = app.dataframe[0].value
    assert table["run"].tolist() == [1, 2, 3] and table["test"][0] == 87.5
    assert table["told"][0] == "80% – 100%"
    assert {f"class_stop_{each}" for each in waiting} <= list_keys(app)
    assert f"class_stop_{best}" not in list_keys(app)
    app.button(key=f"class_stop_{waiting[1]}").click().run()
    assert runs.get(waiting[1]).state is RunState.stopped and not app.exception


def read_html(element) -> str:
    return element.proto.body


def test_no_guess_is_asked_for_after_the_result(secrets, transfer_home, monkeypatch):
    classes, class_, teacher, student = open_class_with_ada(transfer_home, secrets)
    classes.set_task(teacher, class_.id, Task("token", "ants", "demonstration", "1", time.time()))
    assert open_class_page(monkeypatch, secrets[1]).number_input
    runs = Belongings(transfer_home, student).runs
    run = runs.create(make_config(), "ants", student.id).id
    runs.set_state(run, RunState.finished, result=make_test_result())
    app = open_class_page(monkeypatch, secrets[1])
    assert "7 of 8 test images are right (88%)." in list_texts(app) and not app.number_input


def test_a_student_leaves_and_a_teacher_closes_and_deletes(secrets, transfer_home, monkeypatch):
    classes, workspaces = open_classes(transfer_home), open_workspaces(transfer_home)
    class_ = classes.open(workspaces.find(secrets[0]), "7b")
    student = join_by_page(monkeypatch, secrets[1], class_.code)
    student.button(key="class_leave").click().run()
    assert classes.list_members(class_.id) == () and "class_code" in list_keys(student)
    join_by_page(monkeypatch, secrets[1], class_.code)
    teacher = open_class_page(monkeypatch, secrets[0])
    teacher.button(key="class_close").click().run()
    assert "closed, will be deleted on" in list_texts(teacher)
    assert f"class_hidden_{class_.id}" in list_keys(teacher)
    student = open_class_page(monkeypatch, secrets[1])
    assert "The class is closed" in list_texts(student) and "class_code" in list_keys(student)
    teacher = open_class_page(monkeypatch, secrets[0])
    teacher.button(key="class_delete").click().run()
    assert classes.list_all() == () and "class_code" in list_keys(teacher)


def test_a_stranger_and_a_student_see_no_board(secrets, transfer_home, monkeypatch):
    classes, workspaces = open_classes(transfer_home), open_workspaces(transfer_home)
    class_ = classes.open(workspaces.find(secrets[0]), "secret class")
    classes.join(workspaces.find(secrets[1]), class_.code, "Ada")
    stranger = workspaces.create()
    for secret in (secrets[1], stranger):
        app = open_class_page(monkeypatch, secret, class_chosen=class_.id)
        assert not app.dataframe and not any(key.startswith(TEACHERS) for key in list_keys(app))
    shown = list_texts(app) + "".join(each.value for each in app.subheader)
    assert "secret class" not in shown and "Ada" not in shown
    app = join_by_page(monkeypatch, stranger, "AAAAAA")
    assert "no open class" in list_texts(app) and "secret class" not in list_texts(app)


def test_the_server_looks_for_classes_to_delete_at_its_start_and_every_hour(monkeypatch):
    looks, naps = [], []

    def look(home, get_engine, now):
        looks.append(now)
        if len(looks) == 1:
            raise OSError("the next look may go better")

    async def nap(seconds):
        naps.append(seconds)
        if len(naps) == 2:
            raise asyncio.CancelledError

    monkeypatch.setattr(class_keeping, "sweep_classes", look)
    monkeypatch.setattr(class_keeping.asyncio, "sleep", nap)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(class_keeping.keep_sweeping())
    assert len(looks) == 2 and naps == [3600, 3600] and looks[0] <= time.time()


@pytest.mark.parametrize(
    ("opened_by", "server", "names", "invites_to", "warning"),
    [
        ("http://localhost:8501", LAN, [], LAN, ""),
        ("https://lab.example", LAN, [], "https://lab.example", ""),
        (MAPPED, "http://localhost:8501", [], MAPPED, "transfer-lab --share"),
        (MAPPED, LAN, ["lab.example", "localhost"], MAPPED, "others use: `lab.example`"),  # proxy
    ],
)
def test_a_link_leads_to_an_address_that_others_can_open(
    opened_by, server, names, invites_to, warning, monkeypatch
):
    page, warnings = "/class_room?class=ACDEFG", []
    set_options(monkeypatch, address="0.0.0.0", allowedHosts=names)
    monkeypatch.setattr(sharing, "list_urls", lambda: [server])
    monkeypatch.setattr(sharing.st, "warning", lambda words, **_icon: warnings.append(words))
    monkeypatch.setattr(sharing, "build_page_url", lambda **_query: opened_by + page)
    assert sharing.build_link(**{"class": "ACDEFG"}) == invites_to + page
    sharing.warn_of_local_link(invites_to + page)
    assert len(warnings) == bool(warning) and warning in "".join(warnings)
