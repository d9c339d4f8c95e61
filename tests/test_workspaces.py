"""Private workspaces: nobody sees, stops, renames or deletes what belongs to somebody else."""

import asyncio
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.requests import Request
from streamlit.testing.v1 import AppTest
from test_pages import PAGES, build_page, list_texts, own_engine, read_query  # noqa: F401
from toy_runs import make_config, make_test_result

from pages.shared import caches, downloads, file_upload, session, workspace_cookie
from pages.shared.launching import start_run
from pages.shared.session import belongings
from transfer_core import dataset
from transfer_core.errors import RunError, TransferError, WorkspaceError
from transfer_core.networks import get_network
from transfer_core.runs import (
    RunDirectory,
    RunState,
    RunStore,
    delete_runs,
    purge_deleted_runs,
)
from transfer_core.system import hash_bytes
from transfer_core.workspaces import (
    Belongings,
    adopt_strays,
    check_room_for_run,
    check_space,
    clear_workspace,
    hold_for_this_computer,
    measure_space,
    open_classes,
    open_workspaces,
    release_data_set,
    remove_unused_workspaces,
)
from transfer_core.workspaces.store import WorkspaceStore

pytestmark = pytest.mark.real_workspaces
CLASS_SIZE = 30
DAY = 24 * 3600.0


def copy_data_set(made: Path, home: Path, number: int) -> str:
    """Store the data set of `made` once more, under another id, which is returned."""
    (source,) = (folder for folder in (made / "data").iterdir() if len(folder.name) == 20)
    data_id = f"{number:020x}"
    shutil.copytree(source, home / "data" / data_id)
    for name in ("dataset.json", "summary.json"):
        file = home / "data" / data_id / name
        text = file.read_text(encoding="utf-8").replace(source.name, data_id)
        file.write_text(text.replace("colours", f"secret {number}"), encoding="utf-8")
    (home / "data" / data_id / "hashes.json").unlink()  # of the texts before they were changed
    return data_id


@pytest.fixture
def people(made, transfer_home) -> list[Belongings]:
    """Two persons, each with a data set and a finished run."""
    return make_people(made[0], transfer_home, 2)


def make_people(made: Path, transfer_home: Path, count: int) -> list[Belongings]:
    """Workspaces, each with a data set and a finished run."""
    store, workspaces, people = RunStore(transfer_home), open_workspaces(transfer_home), []
    for number in range(count):
        person = Belongings(transfer_home, workspaces.find(workspaces.create()))
        person.take_in(copy_data_set(made, transfer_home, number))
        run = store.create(make_config(), f"secret run {number}", person.workspace.id)
        store.set_state(run.id, RunState.finished, result=make_test_result())
        people.append(person)
    return people


def get_own_ids(person: Belongings) -> tuple[str, str, str]:
    """Id of the run, public id and content id of the data set."""
    (data_id,) = person.workspaces.list_held(person.workspace)
    return person.list_runs()[0].id, person.find_public_id(data_id), data_id


def succeeds(attempt, *given) -> bool:
    """Whether a try to get at something has a result."""
    try:
        return attempt(*given) is not None
    except TransferError:
        return False


def ask(route, secret: str | None, **parts: str) -> int:
    """The status of the answer to a download."""
    cookie = f"{workspace_cookie.name_cookie(open_workspaces(_home()))}={secret}"
    headers = [(b"cookie", cookie.encode())] if secret else []
    asked = Request({"type": "http", "path_params": parts, "headers": headers})
    return route.endpoint(asked).status_code


def _home() -> Path:
    return belongings.get_home()


def open_as(monkeypatch, secret: str | None, page: str, **query: str) -> AppTest:
    """A page in a browser with this cookie, or without one."""
    monkeypatch.setattr(belongings, "read_cookie", lambda workspaces: secret)
    return build_page(page, **query).run()


def test_each_of_thirty_tries_to_get_at_what_belongs_to_the_others(made, transfer_home):
    """Looking up is what reading, stopping, renaming, deleting and exporting begin with."""
    people = make_people(made[0], transfer_home, CLASS_SIZE)
    owned, tried, got = [get_own_ids(person) for person in people], 0, []
    for number, person in enumerate(people):
        mine = {run.id for run in person.list_all_runs()}, person.list_data_sets()
        assert mine[0] == {owned[number][0]} and [each.id for each in mine[1]] == [owned[number][2]]
        for other, (run, public_id, data_id) in enumerate(owned):
            attempts = [(person.get_run, run), (person.find_data_set, public_id)]
            if (other - number) % CLASS_SIZE < 3:  # the others are tried by two ways only
                attempts += [
                    (person.own_run, run),
                    (person.own_runs, [owned[number][0], run]),
                    (person.find_public_id, data_id),
                    (person.find_data_set, data_id),  # the hash of the content is no id
                ]
            results = [succeeds(*attempt) for attempt in attempts]
            if other == number:
                assert results == [True, True, True, True, True, False]
                continue
            tried, got = tried + len(results), got + [each for each in results if each]
    assert (tried, len(got)) == (CLASS_SIZE * (2 * (CLASS_SIZE - 1) + 2 * 4), 0)


def test_downloads_are_for_the_owner_alone(people, transfer_home):
    workspaces = open_workspaces(transfer_home)
    secret = workspaces.create()
    person = Belongings(transfer_home, workspaces.find(secret))
    data_id = people[0].workspaces.list_held(people[0].workspace)[0]
    person.take_in(data_id)
    run, public_id, __ = get_own_ids(people[0])
    own_id = person.find_public_id(data_id)
    name = f"report.{hash_bytes(b'secret')[:16]}"
    folder = transfer_home / "runs" / run / "take_away" / name
    folder.mkdir(parents=True)
    (folder / "r.html").write_text("secret")
    assert public_id != own_id
    assert ask(downloads.IMAGES_ROUTE, secret, data=own_id) == 200
    for route, parts in [
        (downloads.IMAGES_ROUTE, {"data": public_id}),
        (downloads.IMAGES_ROUTE, {"data": data_id}),
        (downloads.EXPORT_ROUTE, {"run": run, "kind": "report"}),
        (downloads.EXPORT_ROUTE, {"run": "../../etc", "kind": "report"}),
    ]:
        for cookie in (secret, None, "forged"):
            assert ask(route, cookie, **parts) == 404
    assert ask(downloads.IMAGES_ROUTE, None, data=own_id) == 404


def test_a_page_shows_nothing_of_somebody_else(people, monkeypatch):
    secret = people[0].workspaces.create()
    run, public_id, data_id = get_own_ids(people[0])
    several = f"{run},{get_own_ids(people[1])[0]}"
    for number, page in enumerate(PAGES):
        query = {"run": run, "data": (public_id, data_id)[number % 2], "runs": several}
        app = open_as(monkeypatch, secret, page, **query)
        assert not app.exception
        assert "secret" not in list_texts(app)
        assert not [b for b in app.button if (b.key or "").startswith(("train_stop", "runs_"))]


def test_the_list_of_runs_is_the_workspaces_own(people, monkeypatch):
    secret = people[0].workspaces.create()
    delete_runs(people[1].runs, [get_own_ids(people[1])[0]])
    app = open_as(monkeypatch, secret, "runs")
    assert not app.exception and not app.dataframe
    assert "Nothing was trained here yet." in [each.value for each in app.info]
    assert not [each for each in app.expander if each.label.startswith("Deleted runs")]


def test_a_link_shows_a_run_until_it_is_withdrawn_and_lets_nobody_change_it(people, monkeypatch):
    owner, other = people[:2]
    secret = owner.workspaces.create()
    guest = Belongings(owner.home, owner.workspaces.find(secret))
    run, __, data_id = get_own_ids(owner)
    link = owner.share("run", [run])
    app = open_as(monkeypatch, secret, "results", share=link.token)
    assert not app.exception and "share" not in app.query_params
    assert app.subheader[0].value == "secret run 0"
    assert "Not your run: shared with you, to look at." in list_texts(app)
    assert not app.get("link_button") and "Share" not in [b.label for b in app.button]
    train = open_as(monkeypatch, secret, "train", run=run)
    assert not [b for b in train.button if b.key in ("train_stop", "train_another")]
    assert "Not your run" in open_as(monkeypatch, secret, "take_away", run=run).info[0].value
    assert succeeds(guest.get_run, run) and not succeeds(guest.own_run, run)
    assert not succeeds(guest.share, "run", [run])
    assert not succeeds(guest.find_public_id, data_id)
    assert not guest.list_runs()
    assert not succeeds(other.get_run, run)  # only who came by the link
    guest.workspaces.links.withdraw(
        guest.workspace, link.token
    )  # it is not the guest's to withdraw
    assert succeeds(guest.get_run, run)
    owner.workspaces.links.withdraw(owner.workspace, link.token)
    assert not succeeds(guest.get_run, run) and not owner.workspaces.links.list(
        owner.workspace, [run]
    )
    open_page = open_as(monkeypatch, secret, "results", run=run)
    assert "The link to this run was withdrawn" in open_page.error[0].value
    again = open_as(monkeypatch, secret, "results", share=link.token)
    assert again.warning[0].value == "This link was withdrawn." and not again.subheader
    with pytest.raises(RunError, match="no such run"):  # told only to whoever came by the link
        other.get_run(run)


def test_a_shared_data_set_is_looked_at_or_copied(people, monkeypatch):
    owner = people[0]
    secret = owner.workspaces.create()
    __, public_id, data_id = get_own_ids(owner)
    link = owner.share("data", [public_id])
    app = open_as(monkeypatch, secret, "data", share=link.token)
    assert "Not your images: shared with you, to look at." in list_texts(app)
    assert "secret 0" in app.header[0].value and read_query(app, "data") == public_id
    assert not open_as(monkeypatch, secret, "decide", data=public_id).header
    guest = Belongings(owner.home, owner.workspaces.find(secret))
    assert succeeds(guest.find_data_set, public_id) and not succeeds(
        guest.share, "data", [public_id]
    )
    app.button(key="data_copy").click().run()
    assert read_query(app, "data") not in (public_id, data_id)
    owner.workspaces.links.withdraw(owner.workspace, link.token)
    assert open_as(monkeypatch, secret, "data", data=read_query(app, "data")).header


def test_without_a_cookie_nothing_of_this_computer_is_seen(made, transfer_home, monkeypatch):
    shutil.copytree(made[0], transfer_home, dirs_exist_ok=True)
    workspaces = open_workspaces(transfer_home)
    adopt_strays(transfer_home)
    mine = Belongings(transfer_home, workspaces.this_computer)
    assert [run.id for run in mine.list_runs()] == [made[1]]
    assert succeeds(mine.own_run, made[1]) and len(mine.list_data_sets()) == 1
    app = open_as(monkeypatch, None, "results", run=made[1])
    assert "There is no such run." in app.error[0].value
    assert "Without cookies, what you do here ends with this tab." in list_texts(app)
    shown = open_as(monkeypatch, workspaces.read_own_secret(), "results", run=made[1])
    assert not shown.error
    app = open_as(monkeypatch, None, "data", sample="plankton")
    app.switch_page("pages/repair.py")
    app.run(timeout=60)
    assert "Downloads need cookies" in list_texts(app) and not app.get("link_button")


def test_a_run_that_is_started_is_the_workspaces_own_and_found_again(transfer_home, monkeypatch):
    secret = open_workspaces(transfer_home).create()
    app = open_as(monkeypatch, secret, "start")
    app.button(key="start_live").click().run(timeout=120)
    run = read_query(app, "run")
    caches.get_engine().wait(run, timeout=120)
    restarted = WorkspaceStore(transfer_home)
    person = Belongings(transfer_home, restarted.find(secret))
    (record,) = person.list_runs()
    assert (record.id, record.owner) == (run, person.workspace.id)
    public_id = read_query(app, "data")
    assert public_id != record.config.data_id
    again = open_as(monkeypatch, secret, "data", data=public_id)  # another tab, after a restart
    assert not again.error and again.header
    with closing(sqlite3.connect(transfer_home / "workspaces.db")) as database:
        assert secret not in str(list(database.iterdump()))


# ------------------------------------------------------------------ Room


def test_a_workspace_takes_no_more_room_than_it_may(people, made, transfer_home, monkeypatch):
    person, neighbour = people
    monkeypatch.setenv("TRANSFER_WORKSPACE_MB", "1")
    for module in (session, belongings):
        monkeypatch.setattr(module, "get_belongings", lambda: person)
    check_space(person)
    run_id, public_id, data_id = get_own_ids(person)
    directory = RunDirectory.locate(transfer_home, run_id)
    directory.path.mkdir(parents=True)
    directory.weights_file.write_bytes(bytes(1 << 20))
    space = measure_space(person)
    assert space.limit == 1 << 20 < space.used < 2 << 20
    check_space(neighbour)
    assert measure_space(Belongings(transfer_home, person.workspaces.this_computer)) is None
    with pytest.raises(WorkspaceError, match="no room.*of 1 MB are taken"):
        start_run(None, get_network("demonstration"), None, 0)
    wanted = {"upload": {"wanted": {"number": 1, "name": "a.zip", "size": 1}}}
    monkeypatch.setattr(file_upload.st, "session_state", wanted)
    file_upload._answer("upload")
    assert "no room" in wanted["upload_answer"]["refused"]
    other = copy_data_set(made[0], transfer_home, 7)
    with pytest.raises(WorkspaceError, match="no room"):
        session.take_in(other)
    assert not (transfer_home / "data" / other).exists()
    session.take_in(data_id)  # it is there already
    assert person.find_public_id(data_id) == public_id
    delete_runs(person.runs, [run_id])
    with pytest.raises(WorkspaceError, match="no room"):  # it can still be restored
        check_space(person)
    purge_deleted_runs(person.runs, transfer_home, older_than=0)
    check_space(person)


def test_runs_that_wait_take_the_room_that_they_will_need(people, transfer_home, monkeypatch):
    person, source = people[0], get_network("demonstration")
    taken = measure_space(person).used
    megabytes = -(-(taken + 3 * source.weight_bytes) // (1 << 20))
    monkeypatch.setenv("TRANSFER_WORKSPACE_MB", str(megabytes))
    fit = ((megabytes << 20) - taken) // source.weight_bytes
    for _ in range(fit):
        check_room_for_run(person, source)
        waiting = person.runs.create(make_config(), "waits", person.workspace.id, engine="e").id
    with pytest.raises(WorkspaceError, match="no room"):
        check_room_for_run(person, source)
    person.runs.set_state(waiting, RunState.stopped)
    check_room_for_run(person, source)


def test_a_data_set_is_deleted_on_data_and_its_room_is_free(people, transfer_home, monkeypatch):
    secret = open_workspaces(transfer_home).create()
    person = Belongings(transfer_home, open_workspaces(transfer_home).find(secret))
    data_id = get_own_ids(people[0])[2]
    person.take_in(data_id)
    before = measure_space(person).used
    app = open_as(monkeypatch, secret, "data", data=person.find_public_id(data_id))
    assert any("of 20,480 MB here." in caption.value for caption in app.caption)
    app.button(key="data_delete").click().run()
    assert not app.exception and not app.error and "data" not in app.query_params
    assert before > measure_space(person).used == 0
    assert (transfer_home / "data" / data_id).is_dir()  # the neighbour holds it


# ------------------------------------------------------------------ Clearing


def list_files(home: Path, *ids: str) -> list[Path]:
    """The files and folders with one of these ids in their name or, if small, their content."""
    return [
        path
        for path in home.rglob("*")
        if any(each in str(path.relative_to(home)) for each in ids)
        or (path.parent.name == "known" and path.read_text() in ids)
    ]


def test_clearing_removes_for_good_what_nobody_else_holds(made, transfer_home, monkeypatch):
    shutil.copytree(made[0], transfer_home, dirs_exist_ok=True)
    (data,) = dataset.list_data_sets(transfer_home)
    workspaces = open_workspaces(transfer_home)
    secret = workspaces.create()
    person = Belongings(transfer_home, workspaces.find(secret))
    neighbour = Belongings(transfer_home, workspaces.find(workspaces.create()))
    with closing(sqlite3.connect(transfer_home / "runs.db")) as database, database:
        database.execute("UPDATE runs SET owner = ?", [person.workspace.id])
    for each in (person, neighbour):
        each.take_in(data.id)
    for cache in ("pixels", "embeddings"):
        assert (transfer_home / cache / data.id).is_dir()
    app = open_as(monkeypatch, secret, "runs")
    app.button(key="workspace_clear").click().run()
    assert not app.exception and app.success[0].value == "Everything is deleted."
    assert workspaces.find(secret) is None and not list_files(transfer_home, made[1])
    with closing(sqlite3.connect(transfer_home / "runs.db")) as database:
        assert not any(made[1] in line for line in database.iterdump())
    assert "is empty" in open_as(monkeypatch, secret, "start").info[0].value
    app = open_as(monkeypatch, workspaces.create(), "start", cleared="yes")
    assert app.success[0].value == "Everything is deleted." and "cleared" not in app.query_params
    assert dataset.load(transfer_home, data.id).name == data.name  # the neighbour holds it
    release_data_set(neighbour, data.id)
    assert list_files(transfer_home, data.id) == [] and not list(
        (transfer_home / "data").glob(".unfinished*")
    )


def test_a_data_set_stays_while_a_run_or_a_version_needs_it(made, transfer_home):
    home, workspaces = transfer_home, open_workspaces(transfer_home)
    data_id = copy_data_set(made[0], home, 1)
    data = dataset.load(home, data_id)
    version = dataset.make_version(
        home, data, [dataset.Change("set aside", data.records[0].path, None)]
    )
    first, second = (Belongings(home, workspaces.find(workspaces.create())) for __ in range(2))
    first.take_in(data_id)
    second.take_in(version.id)
    assert set(second.workspaces.list_held(second.workspace)) == {data_id, version.id}
    for person in (first, second):
        release_data_set(person, data_id)
        assert dataset.load(home, data_id)  # the version needs it
    adopt_strays(home)  # as every start of the server does
    assert not second.workspaces.list_held(second.workspaces.this_computer)
    release_data_set(second, version.id)
    assert not list_files(home, data_id, version.id)
    with pytest.raises(WorkspaceError):
        first.take_in(data_id)


def test_who_deletes_a_data_set_deletes_the_runs_on_it_and_nothing_of_others(
    made, transfer_home, monkeypatch
):
    (one, other), workspaces = (
        make_people(made[0], transfer_home, 2),
        open_workspaces(transfer_home),
    )
    secret = workspaces.create()
    person = Belongings(transfer_home, workspaces.find(secret))
    shown = get_own_ids(one)[2]
    person.take_in(shown)
    person.take_in(own := copy_data_set(made[0], transfer_home, 7))
    for data_id in (own, own, shown):
        run = RunStore(transfer_home).create(
            replace(make_config(), data_id=data_id), "run", person.workspace.id
        )
    app = open_as(monkeypatch, secret, "data", data=person.find_public_id(own))
    assert "Also the 2 runs that learned from it." in list_texts(app)
    app.button(key="data_delete").click().run()
    assert not app.exception and "data" not in app.query_params
    assert [each.id for each in person.list_data_sets()] == [shown]
    assert [each.id for each in person.list_runs()] == [run.id]
    assert not list_files(transfer_home, own)
    app.selectbox(key="data_earlier").set_value(shown).run()
    app.button(key="data_delete_earlier").click().run()
    assert not person.list_data_sets() and not person.list_runs()
    assert (
        dataset.load(transfer_home, shown) and len(one.list_runs()) == len(other.list_runs()) == 1
    )


def test_this_computer_can_be_cleared_and_keeps_its_link(people, transfer_home):
    workspaces = open_workspaces(transfer_home)
    RunStore(transfer_home).create(make_config(), "by hand", "command line")
    mine = Belongings(transfer_home, workspaces.this_computer)
    (run,) = mine.list_runs()
    clear_workspace(mine, caches.get_engine())
    assert not mine.list_runs() and not list_files(transfer_home, run.id)
    assert workspaces.find(workspaces.read_own_secret()) == workspaces.this_computer
    assert all(len(person.list_runs()) == 1 for person in people)


def test_what_the_command_line_reads_belongs_to_this_computer(made, transfer_home):
    data = dataset.load(transfer_home, copy_data_set(made[0], transfer_home, 1))
    hold_for_this_computer(transfer_home, data)
    mine = Belongings(transfer_home, open_workspaces(transfer_home).this_computer)
    assert [each.id for each in mine.list_data_sets()] == [data.id]


def test_a_damaged_database_is_told_in_a_sentence(transfer_home, monkeypatch, capsys):
    open_workspaces(transfer_home)
    file = transfer_home / "workspaces.db"
    file.write_bytes(b"damaged " * 2_000)
    file.with_name("workspaces.db-wal").unlink(missing_ok=True)
    for page in ("start", "data"):
        app = open_as(monkeypatch, "any", page)
        assert not app.exception
        assert app.error[0].value == "The database of the workspaces cannot be used."
    assert get("/data")[0] == 200
    workspace_cookie.announce_this_computer("http://localhost")
    assert "cannot be used" in capsys.readouterr().out


# ------------------------------------------------------------------ The cookie


def get(path: str, *, cookie: str = "", query: str = "", **headers: str):
    """Ask the server's outer layer for a page; status, headers by name, and what it passed on."""
    passed, sent = [], []

    async def page(scope, receive, send):
        passed.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message):
        sent.append(message)

    given = {"host": "localhost", "accept": "text/html", "cookie": cookie} | headers
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "scheme": "http",
        "server": ("localhost", 80),
        "query_string": query.encode(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in given.items() if v],
    }
    asyncio.run(workspace_cookie.WorkspaceCookie(page)(scope, None, send))
    told = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return sent[0]["status"], told, passed


def test_the_first_page_sets_the_cookie_and_the_next_keeps_it(transfer_home):
    workspaces = open_workspaces(transfer_home)
    name = workspace_cookie.name_cookie(workspaces)
    cookie = get("/data")[1]["set-cookie"]
    secret = cookie.partition(";")[0].partition("=")[2]
    assert cookie.startswith(f"{name}={secret}; ") and "HttpOnly; SameSite=Lax" in cookie
    assert (
        "Secure" not in cookie and "Secure" in get("/", x_forwarded_proto="https")[1]["set-cookie"]
    )
    assert workspaces.find(secret) not in (None, workspaces.this_computer)
    assert get("/", cookie=f"{name}={secret}")[1]["set-cookie"] == cookie
    assert f"{name}=forged" not in get("/", cookie=f"{name}=forged")[1]["set-cookie"]
    for path in ("/_stcore/health", "/static/x.js", "/downloads/images/1"):
        assert "set-cookie" not in get(path)[1]
    assert "set-cookie" not in get("/", accept="*/*")[1]


def test_a_link_opens_a_workspace_elsewhere_and_takes_none_away_unasked(people, transfer_home):
    workspaces = open_workspaces(transfer_home)
    name = workspace_cookie.name_cookie(workspaces)
    theirs, mine = workspaces.create(), workspaces.create()
    status, told, passed = get("/runs", query=f"lang=de&workspace={theirs}")
    assert (status, told["location"], passed) == (303, "/runs?lang=de", [])
    assert told["set-cookie"].startswith(f"{name}={theirs};")
    assert "set-cookie" not in get("/runs", query="workspace=forged")[1]
    assert get("//evil.example/", query="workspace=forged")[1]["location"] == "/evil.example/"
    own = {"cookie": f"{name}={mine}", "query": f"workspace={theirs}"}
    assert get("/", **own)[0] == 303  # nothing is lost
    person = Belongings(transfer_home, workspaces.find(mine))
    person.take_in(get_own_ids(people[0])[2])
    status, told, passed = get("/", **own)
    assert status == 200 and told["set-cookie"].startswith(f"{name}={mine};") and passed
    forged = f"&instead={workspace_cookie.make_proof('', theirs)}"
    assert get("/", **own | {"query": own["query"] + forged})[0] == 200
    proof = f"&instead={workspace_cookie.make_proof(mine, theirs)}"
    assert get("/", **own | {"query": own["query"] + proof})[0] == 303


def test_a_link_for_once_opens_what_the_command_line_made_and_then_nothing(people):
    workspaces = people[0].workspaces
    name, own = workspace_cookie.name_cookie(workspaces), workspaces.read_own_secret()
    link = workspace_cookie.make_link_for_once("http://localhost:8501")
    query = link.removeprefix("http://localhost:8501/?")
    assert own not in link
    busy = workspaces.create()
    Belongings(people[0].home, workspaces.find(busy)).take_in(get_own_ids(people[0])[2])
    status, told, passed = get("/", cookie=f"{name}={busy}", query=query)
    assert (status, len(passed)) == (200, 1)  # the page asks
    status, told, __ = get("/", query=query)
    assert (status, told["location"]) == (303, "/")
    assert told["set-cookie"].startswith(f"{name}={own};")
    assert "set-cookie" not in get("/", query=query)[1]


def test_the_page_asks_before_another_workspace_takes_the_place(people, monkeypatch):
    workspaces = people[0].workspaces
    mine, theirs = workspaces.create(), workspaces.create()
    app = open_as(monkeypatch, mine, "runs", workspace=theirs)
    assert "another workspace" in list_texts(app)
    (link,) = app.get("link_button")
    assert f"workspace={theirs}" in link.proto.url and mine not in link.proto.url
    app.button(key="workspace_stay").click().run()
    assert "workspace" not in app.query_params


def test_a_workspace_without_anything_is_forgotten_a_week_after_it_was_seen(people, transfer_home):
    workspaces, classes = people[0].workspaces, open_classes(transfer_home)
    secrets = [workspaces.create() for __ in range(6)]
    holder, owner, teacher, student, visitor, __ = map(workspaces.find, secrets)
    Belongings(transfer_home, holder).take_in(get_own_ids(people[0])[2])
    RunStore(transfer_home).create(make_config(), "run", owner.id)
    classes.join(student, classes.open(teacher, "7b").code, "Ada")
    link = people[0].share("run", [get_own_ids(people[0])[0]])
    assert workspaces.links.visit(visitor, link.token)
    now = time.time()
    assert remove_unused_workspaces(transfer_home, now + 6.9 * DAY) == 0
    assert remove_unused_workspaces(transfer_home, now + 7.1 * DAY) == 1
    there = [workspaces.find(secret) is not None for secret in secrets]
    assert there == [True] * 5 + [False]
    assert workspaces.find(workspaces.read_own_secret())
    assert all(workspaces.owns(each.workspace, each.list_runs()[0].owner) for each in people)
