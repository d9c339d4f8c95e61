"""Classes: who gets in, what a teacher sees and may do, and that everything is deleted in time."""

import csv
import io
import sqlite3
import time
from contextlib import closing
from dataclasses import replace

import pytest
from test_pages import own_engine  # noqa: F401
from test_workspaces import get_own_ids, make_people
from toy_runs import make_config, make_epoch, make_test_result

from pages.shared import caches, class_keeping
from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.errors import RunError, TransferError, WorkspaceError
from transfer_core.figures import describe_class_spread, plot_class_spread
from transfer_core.networks import get_network
from transfer_core.runs import Expectation, RunState, RunStore, move_to_front
from transfer_core.runs.engine.lanes import LaneFinder
from transfer_core.runs.engine.queue import RunQueue
from transfer_core.runs.engine.run_times import RunTimes
from transfer_core.runs.launch import make_run_config
from transfer_core.workspaces import (
    Belongings,
    ClassBoard,
    Guess,
    check_password,
    close_class,
    delete_class,
    get_class_run,
    hand_out,
    leave_class,
    open_classes,
    open_workspaces,
    select_results,
    sweep_classes,
    take_task,
    write_results_csv,
)
from transfer_core.workspaces.classes import password, store
from transfer_core.workspaces.classes.records import CODE_LETTERS
from transfer_core.workspaces.classes.throttle import (
    FAILURES_OF_ALL,
    FAILURES_PER_ADDRESS,
    Throttle,
)

pytestmark = pytest.mark.real_workspaces
DAY = 24 * 3600.0


@pytest.fixture
def classes(transfer_home):
    return open_classes(transfer_home)


@pytest.fixture
def people(made, transfer_home) -> list[Belongings]:
    """A teacher and two students; each has a data set and a finished run from before."""
    return make_people(made[0], transfer_home, 3)


@pytest.fixture
def opened(people, classes):
    """A class of the first with the other two in it."""
    class_ = classes.open(people[0].workspace, "7b")
    for number, person in enumerate(people[1:]):
        classes.join(person.workspace, class_.code, f"nick {number}")
    return class_


def start_run(person: Belongings, **options) -> str:
    """Queue a run of a person."""
    return person.runs.create(make_config(), "class run", person.workspace.id, **options).id


def finish_run(person: Belongings, accuracy: float = 0.875, **options) -> str:
    run = start_run(person, **options)
    person.runs.set_state(run, RunState.finished, result=make_test_result(accuracy))
    return run


def make_workspace(home):
    workspaces = open_workspaces(home)
    return workspaces.find(workspaces.create())


# ------------------------------------------------------------------ Getting in


def test_a_code_lets_in_however_it_is_typed_and_only_while_the_class_is_open(
    classes, people, opened
):
    assert len(opened.code) == 6 and set(opened.code) <= set(CODE_LETTERS)
    assert not set(CODE_LETTERS) & set("0O1IL2Z5S8BU")
    typed = f" {opened.code[:3].lower()}-{opened.code[3:].lower()} "
    late = make_workspace(people[0].home)
    assert classes.join(late, typed, "\u202e late\n") == opened
    assert [m.nickname for m in classes.list_members(opened.id)] == ["nick 0", "nick 1", "late"]
    for nickname in ("", " \u200b ", "NICK 1"):
        with pytest.raises(WorkspaceError, match="nickname"):
            classes.join(late, opened.code, nickname)
    close_class(people[0], opened.id)
    with pytest.raises(WorkspaceError, match="no open class"):
        classes.join(make_workspace(people[0].home), opened.code, "too late")


def test_a_class_takes_no_more_than_fit_on_the_board(
    classes, people, opened, transfer_home, monkeypatch
):
    monkeypatch.setattr(store, "MAX_MEMBERS", 2)
    with pytest.raises(WorkspaceError, match="full"):
        classes.join(make_workspace(transfer_home), opened.code, "one more")
    classes.join(people[1].workspace, opened.code, "renamed")  # who is in stays in


def test_wrong_tries_make_the_next_one_wait_longer_and_longer():
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for __ in range(5):
        assert throttle.attempt("a", lambda: None) is None
    waits = []
    for __ in range(4):
        with pytest.raises(WorkspaceError, match="Too many"):
            throttle.attempt("a", lambda: "not even checked")
        began = now[0]
        while True:
            now[0] += 0.5
            try:
                throttle.attempt("a", lambda: None)
                break
            except WorkspaceError:
                pass
        waits.append(now[0] - began)
    assert waits == [2, 4, 8, 16]
    assert throttle.attempt("b", lambda: "right") == "right"


def test_an_address_and_all_together_have_few_wrong_tries_for_a_workspace_costs_nothing():
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for number in range(FAILURES_PER_ADDRESS):
        throttle.attempt(str(number), lambda: None, "one")
    with pytest.raises(WorkspaceError, match="Too many"):
        throttle.attempt("another", lambda: "right", "one")
    assert throttle.attempt("another", lambda: "right", "the class's") == "right"  # nobody waits
    for number in range(FAILURES_PER_ADDRESS, FAILURES_OF_ALL):
        throttle.attempt(str(number), lambda: None, f"address {number}")
    with pytest.raises(WorkspaceError, match="Too many"):
        throttle.attempt("another", lambda: "right", "the class's")
    now[0] = 61.0
    assert throttle.attempt("another", lambda: "right", "one") == "right"
    throttle.attempt("a", lambda: None, "one")
    assert len(throttle._of_address) == 1  # others are forgotten


def test_the_password_comes_from_the_environment_or_is_printed(transfer_home, monkeypatch, capsys):
    password._get_tries.cache_clear()
    who = make_workspace(transfer_home)
    class_keeping.announce_password()
    printed = capsys.readouterr().out.split()[-1]
    assert len(printed) == 13
    check_password(who, printed)
    with pytest.raises(WorkspaceError, match="password") as refusal:
        check_password(who, "")
    assert not refusal.value.found and "Found" not in str(refusal.value)
    monkeypatch.setenv(password.PASSWORD_VARIABLE, "correct horse")
    class_keeping.announce_password()
    assert capsys.readouterr().out == ""
    check_password(who, "correct horse")
    for wrong in (printed, "correct hors", "é"):
        with pytest.raises(WorkspaceError, match="not the teacher's password"):
            check_password(who, wrong)


# ------------------------------------------------------------------ The board


def test_the_board_shows_what_was_started_in_the_class_and_nothing_else(
    classes, people, opened, transfer_home
):
    teacher, ada, bob = people
    told = Expectation("1", True, 0.9, 0.8, 1.0, 1.0, 2.0)
    first = finish_run(ada, expectation=told)
    board = ClassBoard(transfer_home)
    rows, runs = board.read(classes.get_taught(teacher.workspace, opened.id))
    assert [(row.student, row.number) for row in rows] == [("nick 0", 1), ("nick 1", 2)]
    assert [run.record.id for run in runs] == [first]  # not those from before joining
    assert rows[0].run.record.expectation == told and rows[1].run is None
    going_on = start_run(bob)
    bob.runs.set_state(going_on, RunState.training)
    bob.runs.append(going_on, [make_epoch(1, validation_accuracy=0.625)])
    waiting = start_run(bob)
    rows, runs = board.read(opened)
    assert rows[1].run.record.id == going_on and rows[1].run.live_accuracy == 0.625
    assert {run.record.id for run in runs} == {first, going_on, waiting}
    assert [run.record.id for run in rows[1].runs] == [going_on, waiting]
    close_class(teacher, opened.id)
    start_run(ada)
    other = classes.open(teacher.workspace, "8a")
    classes.join(bob.workspace, other.code, "Bob")
    elsewhere = finish_run(bob)
    later = board.read(classes.get_taught(teacher.workspace, opened.id))[1]
    assert [run.record for run in later] == [run.record for run in runs]
    assert [run.record.id for run in board.read(other)[1]] == [elsewhere]


def test_the_board_reads_again_only_what_has_changed(
    classes, people, opened, transfer_home, monkeypatch
):
    finish_run(people[1])
    changing = start_run(people[2])
    board, read = ClassBoard(transfer_home), []
    real = RunStore.read
    monkeypatch.setattr(RunStore, "read", lambda s, i: read.append(i) or real(s, i))
    board.read(opened)
    assert len(read) == 2
    board.read(opened)
    assert len(read) == 2
    people[2].runs.set_state(changing, RunState.finished, result=make_test_result())
    board.read(opened)
    assert read[2:] == [changing]


def test_a_guess_counts_for_the_task_it_was_made_for(classes, people, opened, transfer_home):
    teacher, ada, __ = people
    data_id = get_own_ids(teacher)[2]
    hand_out(teacher, opened.id, data_id, "secret 0", "demonstration", "1")
    task, taken = take_task(ada)
    assert (taken, task.option) == (data_id, "1") and ada.find_public_id(data_id)
    before = start_run(ada)
    classes.keep_guess(ada.workspace, opened.id, 0.75)
    after = start_run(ada)
    board = ClassBoard(transfer_home)
    guesses = {run.record.id: run.guess for run in board.read(_get(classes, teacher, opened))[1]}
    assert guesses == {before: None, after: 0.75}
    classes.keep_guess(ada.workspace, opened.id, 0.25)  # the first one stays
    again = start_run(ada)
    hand_out(teacher, opened.id, data_id, "secret 0", "demonstration", None)
    of_next_task = start_run(ada)
    runs = board.read(_get(classes, teacher, opened))[1]
    guesses = {run.record.id: run.guess for run in runs}
    assert guesses == {before: None, after: 0.75, again: 0.75, of_next_task: None}
    assert [
        row["guess"]
        for row in csv.DictReader(io.StringIO(write_results_csv(runs, hidden=False, word="")))
    ] == [
        "",
        "0.7500",
        "0.7500",
        "",
    ]


def test_the_guesses_of_an_older_database_are_kept(tmp_path):
    task = '{"token": "t", "name": "n", "network": "n", "option": null, "given": 20.0}'
    with closing(sqlite3.connect(tmp_path / "workspaces.db")) as old:
        old.executescript(f"""
CREATE TABLE workspaces (
    id TEXT PRIMARY KEY, created REAL NOT NULL, seen REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE classes (
    id TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL, teacher TEXT NOT NULL,
    created REAL NOT NULL, closed REAL, delete_after_days INTEGER NOT NULL,
    names_hidden INTEGER NOT NULL, task TEXT
) WITHOUT ROWID;
CREATE TABLE members (
    class TEXT NOT NULL REFERENCES classes ON DELETE CASCADE,
    workspace TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    nickname TEXT NOT NULL, joined REAL NOT NULL, left_at REAL, guess REAL, guessed REAL,
    PRIMARY KEY (class, workspace)
) WITHOUT ROWID;
CREATE INDEX members_by_workspace ON members (workspace);
INSERT INTO workspaces VALUES ('ada', 1, 1), ('bob', 1, 1), ('cem', 1, 1);
INSERT INTO classes VALUES ('7b', 'ACDEFG', '7b', 'teacher', 1, NULL, 30, 0, '{task}');
INSERT INTO members VALUES
    ('7b', 'ada', 'Ada', 2, NULL, 0.5, 10), ('7b', 'bob', 'Bob', 3, 4, 0.75, 25),
    ('7b', 'cem', 'Cem', 5, NULL, NULL, NULL);
PRAGMA user_version = 1;
""")
    for __ in range(2):  # the second opening changes nothing
        classes = store.ClassStore(tmp_path)
        open_workspaces.cache_clear()
        members = [(each.nickname, each.joined, each.left) for each in classes.list_members("7b")]
        assert members == [("Ada", 2, None), ("Bob", 3, 4), ("Cem", 5, None)]
        assert classes.list_guesses("7b") == (
            Guess("ada", 10, 0.5, 10, 20),
            Guess("bob", 20, 0.75, 25, None),
        )
    classes.forget_member("7b", "ada")
    assert [each.workspace for each in classes.list_guesses("7b")] == ["bob"]


def test_a_folder_that_an_unfinished_version_made_is_named_with_what_to_do(tmp_path):
    with closing(sqlite3.connect(tmp_path / "workspaces.db")) as old:
        old.executescript("CREATE TABLE workspaces (id TEXT); PRAGMA user_version = 1;")
    with pytest.raises(WorkspaceError) as caught:
        open_workspaces(tmp_path)
    assert tmp_path.name in caught.value.found and "no such table" in caught.value.found
    assert "another folder, or move workspaces.db" in caught.value.remedy
    (tmp_path / "workspaces.db").unlink()
    assert open_workspaces(tmp_path).this_computer.is_this_computer


def _get(classes, teacher, class_):
    return classes.get_taught(teacher.workspace, class_.id)


def test_results_are_compared_on_one_data_set_and_cells_are_no_formulas(
    classes, people, opened, transfer_home
):
    classes.join(people[1].workspace, opened.code, '=HYPERLINK("x")')
    for accuracy in (0.5, 1.0):
        finish_run(people[1], accuracy)
    start_run(people[2])
    runs = ClassBoard(transfer_home).read(opened)[1]
    assert len(select_results(runs)) == 2
    rows = list(csv.DictReader(io.StringIO(write_results_csv(runs, hidden=False, word=""))))
    assert [row["student"] for row in rows] == ['\'=HYPERLINK("x")'] * 2 + ["nick 1"]
    assert [row["test_accuracy"] for row in rows] == ["0.5000", "1.0000", ""]
    numbered = write_results_csv(runs, hidden=True, word="Student")
    rows = list(csv.DictReader(io.StringIO(numbered)))
    assert [row["student"] for row in rows] == ["Student 1", "Student 1", "Student 2"]
    assert "HYPERLINK" not in numbered and "nick" not in numbered


def test_results_are_compared_on_the_data_set_of_the_task_once_it_has_any(
    classes, people, opened, transfer_home
):
    teacher, ada, bob = people
    for __ in range(2):
        finish_run(ada)
    hand_out(teacher, opened.id, get_own_ids(teacher)[2], "secret 0", "demonstration", None)
    class_ = _get(classes, teacher, opened)
    board = ClassBoard(transfer_home)
    before = board.read(class_)[1]
    assert select_results(before, class_.task) == before and len(before) == 2
    of_task = replace(make_config(), data_id=class_.task.data_id)
    run = bob.runs.create(of_task, "class run", bob.workspace.id).id
    assert select_results(board.read(class_)[1], class_.task) == before  # no result yet
    bob.runs.set_state(run, RunState.finished, result=make_test_result())
    assert [each.record.id for each in select_results(board.read(class_)[1], class_.task)] == [run]


def test_the_spread_is_told_in_words_and_takes_no_name_for_markup():
    points = [(1, 0.9, "<b>Ada"), (1, 0.5, "Bob"), (1, 0.7, "Cem"), (None, 1.0, "Dan")]
    words = describe_class_spread(points, "plankton")
    assert "case 1: 3 runs, 50.0% to 90.0%, median 70.0%" in words
    assert "other ways: 1 run, 100.0%" in words
    figure = plot_class_spread(points, "plankton <i>")
    assert list(figure.data[0].x) == [0.5, 0.7, 0.9]
    equal = plot_class_spread([(1, 0.8, str(number)) for number in range(30)], "").data[0]
    assert len({round(y, 6) for y in equal.y}) == 30 and max(map(abs, equal.y)) < 0.5
    assert figure.data[0].text[2] == "&lt;b&gt;Ada" and "<i>" not in figure.layout.title.text


# ------------------------------------------------------------------ Who may do what


def test_nobody_but_the_teacher_opens_the_board_or_changes_the_class(
    classes, people, opened, transfer_home
):
    teacher, ada, bob = people
    run, data_id = start_run(ada), get_own_ids(teacher)[2]
    other_teacher = Belongings(transfer_home, make_workspace(transfer_home))
    classes.open(other_teacher.workspace, "another class")
    for who in (ada, bob, other_teacher):
        for attempt in (
            lambda who=who: classes.get_taught(who.workspace, opened.id),
            lambda who=who: classes.hide_names(who.workspace, opened.id, True),
            lambda who=who: classes.close(who.workspace, opened.id),
            lambda who=who: classes.set_task(who.workspace, opened.id, None),
            lambda who=who: close_class(who, opened.id),
            lambda who=who: hand_out(who, opened.id, data_id, "", "demonstration", None),
            lambda who=who: get_class_run(who, opened.id, run),
        ):
            with pytest.raises(WorkspaceError, match="no such class"):
                attempt()
    unknown = classes.get_taught(teacher.workspace, opened.id)
    assert unknown == opened  # nothing has changed
    assert get_class_run(teacher, opened.id, run) == run
    for strange in (get_own_ids(ada)[0], get_own_ids(bob)[0], finish_run(teacher), "0" * 16):
        if strange != run:
            with pytest.raises(RunError, match="no such run"):
                get_class_run(teacher, opened.id, strange)


def test_being_in_one_class_opens_nothing_of_the_classmates(people, opened):
    __, ada, bob = people
    run, public_id, data_id = get_own_ids(ada)
    for attempt in (
        lambda: bob.get_run(run),
        lambda: bob.own_run(run),
        lambda: bob.find_data_set(public_id),
        lambda: bob.find_data_set(data_id),
        lambda: bob.share("run", [run]),
        lambda: take_task(bob),
    ):
        with pytest.raises(TransferError):
            attempt()
    leave_class(bob, caches.get_engine(), opened.id)
    assert ada.get_run(run) and ada.find_data_set(public_id)


def test_a_task_is_taken_as_a_copy_until_it_is_replaced_or_the_class_closes(
    classes, people, opened
):
    teacher, ada, bob = people
    data_id = get_own_ids(teacher)[2]
    with pytest.raises(TransferError):  # not the teacher's
        hand_out(teacher, opened.id, get_own_ids(ada)[2], "x", "demonstration", None)
    hand_out(teacher, opened.id, data_id, "secret 0", "demonstration", None)
    first = _get(classes, teacher, opened).task.token
    hand_out(teacher, opened.id, data_id, "secret 0", "demonstration", "1")
    assert ada.workspaces.links.visit(ada.workspace, first) is None
    take_task(ada)
    close_class(teacher, opened.id)
    assert ada.find_public_id(data_id)
    with pytest.raises(WorkspaceError, match="taken this task back"):
        take_task(bob)


def test_a_run_that_is_moved_to_the_front_starts_next(people, transfer_home):
    records = RunStore(transfer_home)
    runs = [start_run(people[number], engine="e") for number in (0, 0, 1, 2)]
    queue = RunQueue(records, LaneFinder(RunTimes(records, transfer_home)))

    def list_waiting():
        waiting = [run for run in runs if records.get(run).state is RunState.queued]
        return sorted(waiting, key=lambda run: queue.position(records.get(run)))

    assert list_waiting() == [runs[0], runs[2], runs[3], runs[1]]
    assert move_to_front(records, runs[1]) and move_to_front(records, runs[3])
    assert list_waiting() == [runs[3], runs[1], runs[0], runs[2]]
    assert queue.claim("e").id == runs[3]
    assert not move_to_front(records, runs[3])  # it waits no more
    # The owner of the moved run has had a turn now.
    assert [queue.claim("e").id for __ in range(3)] == [runs[1], runs[2], runs[0]]


# ------------------------------------------------------------------ The end


def list_folders(home) -> set[str]:
    return {path.name for kind in ("data", "runs") for path in (home / kind).glob("*")}


def test_who_leaves_takes_along_what_was_made_in_the_class_and_only_that(
    classes, people, opened, transfer_home
):
    teacher, ada, bob = people
    data_id, own = get_own_ids(teacher)[2], get_own_ids(ada)
    hand_out(teacher, opened.id, data_id, "secret 0", "demonstration", None)
    take_task(ada)
    run = finish_run(ada)
    (transfer_home / "runs" / run).mkdir(parents=True)
    leave_class(ada, caches.get_engine(), opened.id)
    assert get_own_ids(ada) == own  # from before
    assert run not in list_folders(transfer_home)
    assert data_id in list_folders(transfer_home)  # the teacher holds it
    assert classes.find_joined(ada.workspace) is None
    assert [m.nickname for m in classes.list_members(opened.id)] == ["nick 1"]
    with pytest.raises(RunError):
        RunStore(transfer_home).get(run)
    assert classes.find_joined(bob.workspace)


def test_a_closed_class_is_deleted_after_its_days_and_not_before(
    classes, people, opened, transfer_home
):
    run = finish_run(people[1])
    close_class(people[0], opened.id)
    later = finish_run(people[1])
    closed = _get(classes, people[0], opened).closed
    for days, deleted in ((29.99, ()), (30.01, (opened.id,)), (31, ())):
        assert sweep_classes(transfer_home, caches.get_engine, closed + days * DAY) == deleted
    records = RunStore(transfer_home)
    assert records.get(later) and classes.list_taught(people[0].workspace) == ()
    assert classes.list_members(opened.id) == ()
    with pytest.raises(RunError):
        records.get(run)


def test_a_class_that_nobody_closes_closes_itself(classes, people, opened, transfer_home):
    used = RunStore(transfer_home).get(start_run(people[1])).created

    def get_engine():
        raise AssertionError("nothing is to be deleted")

    for days, is_open in ((29.9, True), (30.1, False)):
        sweep_classes(transfer_home, get_engine, used + days * DAY)
        assert (_get(classes, people[0], opened).closed is None) == is_open


def test_a_class_outlives_the_teacher_who_clears_the_workspace(
    classes, people, opened, transfer_home
):
    run = finish_run(people[1])
    open_workspaces(transfer_home).remove(people[0].workspace)
    sweep_classes(transfer_home, caches.get_engine, time.time() + 31 * DAY)
    sweep_classes(transfer_home, caches.get_engine, time.time() + 62 * DAY)
    assert classes.list_all() == ()
    with pytest.raises(RunError):
        RunStore(transfer_home).get(run)


def test_the_teacher_deletes_a_class_with_a_run_that_goes_on(people, opened, transfer_home):
    run = start_run(people[1], engine="nobody's")
    delete_class(transfer_home, caches.get_engine(), opened)
    with pytest.raises(RunError):
        RunStore(transfer_home).get(run)


# ------------------------------------------------------------------ What a class costs


def test_students_with_the_same_sample_share_one_embedding(transfer_home, monkeypatch):
    from transfer_core.runs import preparation

    embedded, embed = [], preparation.embed_with_runtime

    def count(network, pixels, source, stages, **options):
        embedded.append((tuple(stages), options["indices"] is None, options["preprocess"]))
        return embed(network, pixels, source, stages, **options)

    monkeypatch.setattr(preparation, "embed_with_runtime", count)
    path = dataset.samples.resolve_path("sample:plankton", transfer_home)
    source, engine, runs = get_network("demonstration"), caches.get_engine(), []
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    for seed in range(2):
        student = Belongings(transfer_home, make_workspace(transfer_home))
        data = dataset.ingest(path, home=transfer_home, name="Plankton")
        student.take_in(data.id)
        config = make_run_config(data, source, strategy, seed)
        runs.append(engine.submit(config, "run", student.workspace.id))
        engine.wait(runs[-1], timeout=60)
        assert engine.get(runs[-1]).result
        if seed == 0:
            once = list(embedded)
    assert once and embedded == once  # the second run embeds nothing
