"""Live answers to the camera's pictures, on the server's side."""

import base64

import numpy as np
import pytest
from test_pages import build_page, own_engine  # noqa: F401
from zips import make_picture

from pages.parts.try_it import live_camera
from pages.shared import caches


def encode(file: bytes) -> str:
    return base64.b64encode(file).decode()


@pytest.fixture
def run(made, monkeypatch) -> str:
    monkeypatch.setenv("TRANSFER_HOME", str(made[0]))
    return made[1]


def test_the_answer_to_a_picture_is_that_of_the_page_for_the_same_file(run):
    picture = make_picture(3, (96, 96), "JPEG")
    answer = live_camera._answer(run, {"seq": 7, "picture": encode(picture)})
    expected, _ = caches.predict_image(run, picture, False)
    assert answer["seq"] == 7 and dict(answer["shares"]) == expected.probabilities
    assert np.isclose(sum(share for _, share in answer["shares"]), 1, atol=1e-5)


@pytest.mark.parametrize(
    "message",
    [None, "text", {"seq": 1}, {"picture": 5}, {"picture": "no base64!"}, {"picture": "eHk="}],
)
def test_what_is_no_picture_gets_no_answer(run, message):
    assert live_camera._answer(run, message) is None


def test_a_photo_that_is_sent_again_is_taken_once(monkeypatch):
    state = {}
    monkeypatch.setattr(live_camera.st, "session_state", state)
    for seq in (1, 1, 2):
        state[live_camera.COMPONENT_KEY] = {"photo": {"seq": seq, "picture": encode(b"photo")}}
        live_camera._take_photo()
    assert state[live_camera.TAKEN_KEY] == 2
    assert [name for name, _ in live_camera.list_photos()] == ["photo 2", "photo 1"]


def test_a_session_keeps_no_more_photos_than_a_person_takes(monkeypatch):
    state = {}
    monkeypatch.setattr(live_camera.st, "session_state", state)
    for seq in range(live_camera.MAX_PHOTOS + 5):
        state[live_camera.COMPONENT_KEY] = {"photo": {"seq": seq, "picture": encode(b"%d" % seq)}}
        live_camera._take_photo()
    assert len(live_camera.list_photos()) == live_camera.MAX_PHOTOS
    assert live_camera.list_photos()[0][1] == b"44"


def test_few_classes_keep_their_bars_in_place_and_of_many_the_likeliest_are_shown():
    few = {"a": 0.1, "b": 0.7, "c": 0.2}
    assert live_camera.choose_bars(few) == list(few.items())
    many = {str(n): n / 190 for n in range(20)}
    assert [name for name, _ in live_camera.choose_bars(many)] == ["19", "18", "17", "16", "15"]


def test_the_toggle_draws_the_camera_and_photos_are_tried_like_files(run):
    app = build_page("try_it", run=run).run()
    app.toggle(key="try_camera_on").set_value(True).run()
    assert not app.exception and app.get("bidi_component")
    app.session_state[live_camera.PHOTOS_KEY] = [
        make_picture(1, (64, 64)),
        make_picture(2, (64, 64)),
    ]
    app.run()
    shown = [text.value for text in app.markdown if "photo" in text.value]
    assert shown[0].startswith("**1. photo 2**") and shown[1].startswith("**2. photo 1**")
    app.button(key="try_forget").click().run()
    assert not [text for text in app.markdown if "photo" in text.value]
