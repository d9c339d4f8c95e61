"""Large uploads: only who was given a ticket sends a file, once, as long as announced, in time."""

import asyncio
import os
from collections import Counter, namedtuple

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.server import request_bodies, upload_route, uploads
from pages.server.request_bodies import BodyLimits, end_silence
from pages.server.uploads import Uploads
from transfer_core.errors import UploadError

MEGABYTE = 1024**2


@pytest.fixture
def store(tmp_path, monkeypatch):
    made = Uploads(tmp_path / "uploads")
    monkeypatch.setattr(upload_route, "get_uploads", lambda: made)
    yield made
    made.close()


@pytest.fixture
def browser(store):
    return TestClient(Starlette(routes=[upload_route.UPLOAD_ROUTE]))


def send(browser, ticket: str, content: bytes, **headers) -> int:
    given = {upload_route.TICKET_HEADER: ticket} | headers
    return browser.put("/uploads", content=content, headers=given).status_code


def list_files(store) -> list:
    return [file for file in store._folder.iterdir() if file.name != "alive"]


def test_what_was_sent_lies_on_the_disk_until_it_is_forgotten(store, browser):
    content = os.urandom(3 * MEGABYTE + 5)
    ticket = store.expect("me", "data", "../../my.zip", len(content))
    assert store.take("me", "data") is None
    assert send(browser, ticket, content) == 200
    assert store.take("other", "data") is None and store.take("me", "bundle") is None
    for _ in range(2):  # a page that is drawn anew finds it again
        taken = store.take("me", "data")
        assert taken.path.read_bytes() == content and taken.path.parent == store._folder
    assert send(browser, ticket, content) == 403  # a ticket is good once
    store.drop("me", "data")
    assert store.take("me", "data") is None and list_files(store) == []


@pytest.mark.parametrize("ticket", ["", "x", "../../etc/passwd", "a" * 5000])
def test_a_ticket_that_was_not_given_is_good_for_nothing(store, browser, ticket):
    store.expect("me", "data", "a.zip", 3)
    assert send(browser, ticket, b"abc") == 403
    assert list_files(store) == []


@pytest.mark.parametrize("content", [b"", b"ab", b"abcd"])
def test_a_file_that_is_not_as_long_as_announced_is_refused(store, browser, content):
    ticket = store.expect("me", "data", "a.zip", 3)
    assert send(browser, ticket, content) == 413
    assert send(browser, ticket, b"abc") == 403
    assert list_files(store) == [] and store.take("me", "data") is None


def test_a_session_has_one_upload_at_a_time_and_an_earlier_one_ends(store):
    first = store.expect("me", "data", "a.zip", MEGABYTE)
    upload = store.begin(first)
    upload.path.write_bytes(b"half")
    for number in range(5):  # five unfinished uploads of one session, as in the attack
        store.begin(store.expect("me", f"slot {number}", "a.zip", MEGABYTE)).path.write_bytes(b"x")
    assert upload.state == "dropped"  # whoever still sends it is cut off at the next block
    assert len(list_files(store)) == 1 and len(store._uploads) == 1


def test_what_is_too_large_empty_or_has_no_room_is_refused_before_it_is_sent(store, monkeypatch):
    for size in (0, -1, 2**31 + 1):
        with pytest.raises(UploadError):
            store.expect("me", "data", "a.zip", size)
    usage = namedtuple("usage", "total used free")
    free = uploads.RESERVE_BYTES + 10 * MEGABYTE
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda _: usage(0, 0, free))
    store.expect("one", "data", "a.zip", 6 * MEGABYTE)
    with pytest.raises(UploadError, match="no room"):
        store.expect("two", "data", "a.zip", 6 * MEGABYTE)
    monkeypatch.setenv(uploads.SETTING, "5")
    with pytest.raises(UploadError, match="too large"):
        store.expect("one", "data", "a.zip", 6 * MEGABYTE)


def test_what_nobody_sends_or_wants_any_more_is_removed(store, monkeypatch):
    store.begin(store.expect("gone", "data", "a.zip", 1)).path.write_bytes(b"a")
    silent = store.expect("silent", "data", "a.zip", 1)
    sending = store.begin(store.expect("sending", "data", "a.zip", 1))
    now = uploads.time.monotonic()
    monkeypatch.setattr(uploads.time, "monotonic", lambda: now + 61)
    store.sweep({"gone"})
    assert store.begin(silent) is None
    assert list(store._uploads.values()) == [sending] and list_files(store) == []


def test_the_folder_of_a_process_that_was_killed_is_removed_by_the_next(store, tmp_path):
    dead = tmp_path / "uploads" / "dead"
    dead.mkdir()
    (dead / "alive").touch()  # a lock that nobody holds
    (dead / "half").write_bytes(b"half")
    Uploads(tmp_path / "uploads").close()
    assert not dead.exists() and store._folder.exists()


def test_silence_ends_an_upload_but_not_the_wait_for_an_answer(monkeypatch):
    monkeypatch.setattr(request_bodies, "SILENCE_SECONDS", 0.05)

    async def run() -> list[str]:
        async def wait_forever():
            await asyncio.sleep(3600)

        async def last_piece():
            return {"type": "http.request", "body": b"", "more_body": False}

        silent = (await end_silence(wait_forever)())["type"]
        source = last_piece
        receive = end_silence(lambda: source())
        await receive()
        source = wait_forever
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.2)
        return silent

    assert asyncio.run(run()) == "http.disconnect"


@pytest.mark.parametrize(
    ("mine", "others", "length", "has_room"),
    [(0, 0, 50, True), (0, 0, 60, False), (180, 0, 50, False), (0, 1000, 50, False)],
)
def test_streamlits_own_uploader_is_for_small_files_and_few(
    monkeypatch, mine, others, length, has_room
):
    held = Counter(me=mine * MEGABYTE, other=others * MEGABYTE)
    monkeypatch.setattr(request_bodies, "measure_held", lambda: held)
    monkeypatch.setattr(request_bodies.st, "get_option", {"server.maxUploadSize": 50}.get)
    assert BodyLimits(None)._has_room("me", length * MEGABYTE) is has_room
