"""Classes recorded with the webcam and recognised live, in a real Chromium with a fake camera."""

import re
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from browsing import ARGUMENTS, CHROMIUM, Server, measure_overflow, wait_until_settled
from test_browser_accessibility import find_violations_in_both_themes

pytestmark = pytest.mark.browser
SCENE_SECONDS, FRAMES_PER_SECOND, HEIGHT, WIDTH = 9, 10, 120, 160
RED, BLUE = (90, 200), (200, 90)  # U and V of the object of each scene
THIRTY_OR_MORE = re.compile(r"^([3-9]\d|\d{3}) images$")  # a busy machine may miss one number
FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
COLOUR_SCRIPT = """video => {
  const canvas = document.createElement("canvas")
  canvas.width = canvas.height = 8
  canvas.getContext("2d").drawImage(video, 0, 0, 8, 8)
  const sums = [0, 0, 0, 0]
  canvas.getContext("2d").getImageData(0, 0, 8, 8).data.forEach((v, i) => (sums[i % 4] += v))
  return sums[0] > sums[2] ? "red" : "blue"
}"""


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    """A film of two scenes in turns: a red disc that moves, and a blue box that does."""
    file, noise = tmp_path_factory.mktemp("video") / "two_scenes.y4m", np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    with file.open("wb") as out:
        out.write(
            b"YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n" % (WIDTH, HEIGHT, FRAMES_PER_SECOND)
        )
        for red in (True, False):
            for number in range(SCENE_SECONDS * FRAMES_PER_SECOND):
                seconds = number / FRAMES_PER_SECOND
                right, down = (
                    x - WIDTH / 2 - 15 * np.sin(1.3 * seconds),
                    y - HEIGHT / 2 - 10 * np.cos(seconds),
                )
                disc, box = np.hypot(right, down) < 30, (abs(right) < 25) & (abs(down) < 35)
                inside = disc if red else box
                grey = np.where(inside, 170, 60) + noise.integers(-6, 7, inside.shape)
                planes = [np.where(inside[::2, ::2], c, 128) for c in (RED if red else BLUE)]
                out.write(
                    b"FRAME\n" + b"".join(p.astype(np.uint8).tobytes() for p in (grey, *planes))
                )
    return file


@contextmanager
def open_browser(browser, *flags, **view):
    """A page of another Chromium, with flags of its own."""
    launched = browser.browser_type.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *flags])
    try:
        page = launched.new_page(viewport={"width": 1280, "height": 900}, **view)
        page.set_default_timeout(120_000)
        yield page
    finally:
        launched.close()


class ClickCounter:
    """Clicks as a person makes them, counted."""

    def __init__(self, page) -> None:
        self.page, self.clicks = page, 0

    def click(self, role: str, name) -> None:
        self.page.get_by_role(role, name=name).first.click()
        self.clicks += 1

    def hold(self, name, until) -> None:
        """Hold a button down until something is seen."""
        self.page.get_by_role("button", name=name).hover()
        self.page.mouse.down()
        until.wait_for()
        self.page.mouse.up()
        self.clicks += 1


def wait_for_scene(page, colour: str) -> None:
    """Wait until this scene begins, or goes on if it has just begun."""
    other = {"red": "blue", "blue": "red"}[colour]
    for each in (other, colour):
        while page.locator("video").evaluate(COLOUR_SCRIPT) != each:
            page.wait_for_timeout(50)


def open_recorder(page, address: str) -> None:
    page.goto(f"{address}/data")
    wait_until_settled(page)
    page.get_by_text("Record classes with the webcam").click()


def record_classes(page, counter: ClickCounter) -> None:
    """Record 30 frames of each scene as a class, held once."""
    for name, colour in (("Class 1", "red"), ("Class 2", "blue")):
        wait_for_scene(page, colour)
        card = page.get_by_role("region", name=name)
        counter.hold(re.compile(f"^Record {name}"), card.get_by_text(THIRTY_OR_MORE))


@pytest.mark.slow
def test_two_recorded_classes_are_trained_and_recognised_live(server, browser, video):
    with open_browser(browser, *FAKE_CAMERA, f"--use-file-for-fake-video-capture={video}") as page:
        began, counter = time.monotonic(), ClickCounter(page)
        open_recorder(page, server.url)
        counter.click("button", "Turn the camera on")
        record_classes(page, counter)
        counter.click("button", "Make the data set")
        page.get_by_text("What I read").wait_for()
        page.get_by_text("come from the same recordings").first.wait_for()
        counter.click("button", "Go on: decide how to transfer")
        counter.click("radio", re.compile("^Case 1"))
        page.get_by_role("button", name="Go on: train case 1").wait_for()
        counter.click("button", "Go on: train")
        counter.click("button", "Start training")
        counter.click("button", "Go on: the result")
        page.get_by_text("test images are right").wait_for()
        counter.click("link", "Try it")
        page.get_by_text("Live from the camera").click()
        for name, colour in (("Class 1", "red"), ("Class 2", "blue")):
            wait_for_scene(page, colour)
            page.locator(".bar.likely", has_text=name).wait_for()
        speed = page.get_by_text("pictures a second").inner_text()
        print(f"\n{time.monotonic() - began:.0f} s, {counter.clicks + 2} clicks, {speed}")
        assert find_violations_in_both_themes(page) == []
        page.get_by_role("button", name="Take this picture").click()
        page.get_by_text("1. photo 1").wait_for()
        page.get_by_role("button", name="Keep as a training image").wait_for()


def is_camera_on(page) -> bool:
    """Whether the browser gives its camera to the page, seen by the track that it gave."""
    return page.evaluate("() => window.tracks.some(each => each.readyState === 'live')")


NOTE_TRACKS = """
window.tracks = []
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await real(wanted)
  window.tracks.push(...stream.getTracks())
  return stream
}
"""


def wait_for_camera(page, on: bool) -> None:
    while is_camera_on(page) != on:
        page.wait_for_timeout(100)


def read_counts(page) -> list[str]:
    return page.locator(".count").all_inner_texts()


def test_recording_by_keyboard_outlives_other_pages_and_the_camera_does_not(server, browser):
    with open_browser(browser, *FAKE_CAMERA) as page:
        page.add_init_script(NOTE_TRACKS)
        open_recorder(page, server.url)
        page.get_by_role("button", name="Turn the camera on").click()
        page.get_by_role("button", name="Turn off").wait_for()
        name = page.get_by_role("textbox", name="Name of the class").first
        name.fill("r cup")  # r is a shortcut of Streamlit's
        record = page.get_by_role("button", name="Record r cup")
        record.press("Enter")  # a short press starts it, the next one ends it
        page.get_by_text(re.compile(r"^([3-9]|\d\d) images$")).wait_for()
        record.press("Enter")
        page.keyboard.down("Space")
        page.locator(".burst").nth(1).wait_for()
        page.locator(".burst").nth(1).locator(".thumb").nth(2).wait_for()
        page.keyboard.up("Space")
        page.wait_for_timeout(500)
        frames = int(read_counts(page)[0].split()[0])
        page.get_by_role("button", name="Delete image 2 of r cup").click()
        assert read_counts(page) == [f"{frames - 1} images", "0 images"]
        assert find_violations_in_both_themes(page) == []
        wait_for_camera(page, True)
        page.get_by_role("link", name="Start").first.click()
        wait_for_camera(page, False)
        page.get_by_role("heading", name="Teach a network").first.wait_for()
        page.get_by_role("link", name="Data", exact=True).first.click()
        page.locator(".thumb").first.wait_for()  # unfolded, since something waits in it
        assert read_counts(page) == [f"{frames - 1} images", "0 images"]
        page.get_by_role("button", name="Undo the last recording of r cup").click()
        assert page.locator(".burst").count() == 1
        page.get_by_role("button", name="Turn the camera on").click()
        wait_for_camera(page, True)
        page.get_by_text("Record classes with the webcam").click()  # fold it
        wait_for_camera(page, False)


def test_a_camera_that_is_denied_or_out_of_reach_is_explained_and_the_page_works(
    server,
    browser,
):
    port = server.url.rpartition(":")[2]
    flags = (
        "--use-fake-device-for-media-stream",
        "--deny-permission-prompts",
        "--host-resolver-rules=MAP lab.test 127.0.0.1",
    )
    with open_browser(browser, *flags) as page:
        open_recorder(page, server.url)
        page.get_by_role("button", name="Turn the camera on").click()
        page.get_by_role("alert").get_by_text("told not to use the camera").wait_for()
        page.get_by_role("button", name="Turn the camera on").wait_for()
        open_recorder(page, f"http://lab.test:{port}")  # neither https nor localhost
        page.get_by_role("alert").get_by_text(f"http://localhost:{port}").wait_for()
        assert page.get_by_role("button", name="Turn the camera on").count() == 0
        assert page.get_by_role("button", name="Record Class 1").is_disabled()
        assert measure_overflow(page) <= 1
        page.get_by_role("button", name="Use “Plankton, a few”").click()
        page.get_by_text("What I read").wait_for()


BUSY_APP = """
import time
from pathlib import Path
from types import SimpleNamespace

import streamlit as st

from pages.parts.try_it import live_camera
from pages.shared import caches


def answer_when_let(run_id, file):
    while not (Path(__file__).parent / "let").exists():
        time.sleep(0.02)
    return {"cat": 0.75, "dog": 0.25}


caches.load_trained_network = lambda run_id: SimpleNamespace(transform=SimpleNamespace(size=64))
caches.classify_frame = answer_when_let
live_camera.show_live_camera("run")
st.write(f"{len(live_camera.list_photos())} photos")
"""
SOON_SCRIPT = """
const later = window.setTimeout.bind(window)
window.setTimeout = (call, ms, ...more) => later(call, ms === 4000 ? 300 : ms, ...more)
"""


def test_photos_taken_while_the_server_is_busy_are_not_lost_nor_doubled(browser, tmp_path):
    app = tmp_path / "busy.py"
    app.write_text(BUSY_APP)
    busy = Server(tmp_path, app)
    try:
        with open_browser(browser, *FAKE_CAMERA) as page:
            page.add_init_script(SOON_SCRIPT)  # what is not answered is sent again after 0.3 s
            page.goto(busy.url)
            take = page.get_by_role("button", name="Take this picture")
            for _ in range(2):
                take.click()
                page.wait_for_timeout(700)
            (tmp_path / "let").touch()
            page.get_by_text("2 photos").wait_for()
            page.locator(".bar.likely", has_text="cat").wait_for()
            take.click()
            page.get_by_text("3 photos").wait_for()
            page.wait_for_timeout(700)
            assert page.get_by_text("3 photos").is_visible()
    finally:
        busy.close()
