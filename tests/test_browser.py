"""The journey in a real Chromium: upload, decide, train, refresh in the middle, result."""

import io
import multiprocessing
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from browsing import Server, measure_overflow, wait_until_settled
from PIL import Image

from transfer_core import dataset
from transfer_core.dataset import PixelArray
from transfer_core.inspection.prediction import load_test_predictions
from transfer_core.networks import get_network
from transfer_core.runs.store.store import RunStore

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """Real photos where they are at hand, else noisy pictures in three colours."""
    real = ROOT.parent / "shared" / "data" / "new_photos_10_small.zip"
    if real.is_file():
        return real
    made = tmp_path_factory.mktemp("made") / "colours.zip"
    noise = np.random.default_rng(0)
    with zipfile.ZipFile(made, "w") as file:
        for label, name in enumerate(("red", "green", "blue")):
            for number in range(60):
                pixels = noise.integers(0, 120, (64, 64, 3), dtype=np.uint8)
                pixels[..., label] += 100
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "PNG")
                file.writestr(f"{name}/{number}.png", buffer.getvalue())
    return made


def upload(page, server: Server, archive: Path) -> None:
    """Upload a zip, and choose the demonstration network for it, which is quick."""
    page.goto(f"{server.url}/data")
    page.locator(".upload input[type=file]").set_input_files(archive)
    page.get_by_text("What I read").wait_for()
    page.wait_for_url(re.compile(r"data=[0-9a-f]+"))
    page.goto(f"{page.url}&network=demonstration")
    page.get_by_text("From: Demonstration network").wait_for()


def start_run(page, server: Server, archive: Path, case: str, epochs: int) -> str:
    """Walk from the upload to a run that trains; returns its id."""
    upload(page, server, archive)
    page.get_by_role("button", name="Go on: decide how to transfer").click()
    page.get_by_role("radio", name=re.compile(f"^{case}")).first.click()
    page.get_by_role("button", name=f"Go on: train {case.lower()}").click()
    page.get_by_text("Settings", exact=True).click()
    field = page.get_by_role("spinbutton", name="Epochs, at most")
    field.fill(str(epochs))
    field.press("Tab")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"run=[0-9a-z]+"))
    page.get_by_text(re.compile("^(Images|Features) per second")).wait_for()
    return re.search(r"run=([0-9a-z]+)", page.url).group(1)


def count_points(page) -> int:
    """Count the points of the loss chart."""
    return page.evaluate(
        "() => (document.querySelector('.live-chart')?.data || [])"
        ".reduce((sum, trace) => sum + trace.x.length, 0)"
    )


def zoom_and_hide(page) -> None:
    """Zoom into the first live chart and hide its second series."""
    box = page.wait_for_function(  # each drawing makes the area anew
        """() => {
          const box = document.querySelector('.live-chart .nsewdrag')?.getBoundingClientRect()
          return box?.width ? {x: box.x, y: box.y} : null
        }"""
    ).json_value()
    page.mouse.move(box["x"] + 60, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 140, steps=5)
    page.mouse.up()
    page.locator(".live-chart .legendtoggle").nth(1).click()


def wait_for_points(page, more_than: int) -> None:
    page.wait_for_function(
        "n => (document.querySelector('.live-chart')?.data || [])"
        ".reduce((sum, trace) => sum + trace.x.length, 0) > n",
        arg=more_than,
    )


def check_that_choices_outlive_new_points(page) -> None:
    """Zoom and hide a series of a live chart: new points change neither."""
    # Until an epoch has ended the validation curve is empty and has no place in the legend.
    page.wait_for_function("() => document.querySelector('.live-chart')?.data?.[1].x.length > 0")
    page.evaluate("() => { document.querySelector('.live-chart').dataset.marked = 'same node' }")
    zoom_and_hide(page)
    state = """() => {
      const chart = document.querySelector('.live-chart')
      return [chart.dataset.marked, ...chart._fullLayout.xaxis.range, chart._fullData[1].visible]
    }"""
    page.wait_for_function(f"() => ({state})()[3] === 'legendonly'")
    chosen = page.evaluate(state)
    for _ in range(3):
        wait_for_points(page, count_points(page))
    assert page.evaluate(state) == chosen


@pytest.mark.slow
def test_the_journey_from_an_upload_to_a_result_with_a_refresh_in_the_middle(
    server, open_page, archive
):
    page = open_page()
    run = start_run(page, server, archive, "Case 4", epochs=60)  # longer than all drawings
    check_that_choices_outlive_new_points(page)
    before = count_points(page)
    page.reload()
    wait_for_points(page, before)
    assert run in page.url
    other = open_page()  # a second tab of somebody else
    other.goto(f"{server.url}/train?run={run}")
    wait_for_points(other, 0)
    page.get_by_role("button", name="Stop and keep what was learned").click()
    page.get_by_text("what was learned until then was kept").wait_for()
    page.get_by_role("button", name="Go on: the result").click()
    page.get_by_text("test images are right").wait_for()
    page.get_by_text("Confusion matrix of the test images").wait_for()


def train_run(page, server: Server, archive: Path) -> str:
    """Walk from the upload to the result of case 1; returns the run's id."""
    run = start_run(page, server, archive, "Case 1", epochs=5)
    page.get_by_role("button", name="Go on: the result").click()
    page.get_by_text("test images are right").wait_for()
    return run


def click_in(page, figure: str, x: float, y: float) -> None:
    """Click into a figure of this key, at shares of its width and height from the upper left."""
    layer = page.locator(f'[class*="st-key-{figure}"] .nsewdrag').first
    layer.scroll_into_view_if_needed()
    box = layer.bounding_box()
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


@pytest.mark.slow
def test_results_are_looked_through_by_clicks_on_cells_and_points(server, open_page, archive):
    page = open_page()
    run = train_run(page, server, archive)
    page.get_by_text("Confusion matrix of the test images").wait_for()
    click_in(page, "results_confusion", 0.01, 0.01)  # the cell of the first class, found
    page.get_by_role("heading", name=re.compile("^Test images: .*, found$")).wait_for()
    page.get_by_role("radio", name="Embedding map").click()
    page.get_by_text("Before training", exact=True).wait_for()
    x, y, chosen = page.locator('[class*="st-key-results_points_before"] .js-plotly-plot').evaluate(
        """chart => {
          const [trace, layout] = [chart._fullData[1], chart._fullLayout]
          const box = chart.querySelector('.nsewdrag').getBoundingClientRect()
          const [x, y] = [layout.xaxis.d2p(trace.x[0]), layout.yaxis.d2p(trace.y[0])]
          return [x / box.width, y / box.height, trace.customdata[0]]
        }"""
    )
    assert chosen > 0  # at first it is image 1, at 0
    click_in(page, "results_points_before", x, y)
    page.get_by_role("button", name=f"Explain image {chosen + 1}").click()
    page.get_by_text("(Grad-CAM), on 8 x 8 positions").wait_for()
    assert f"run={run}" in page.url and "results_view=maps" in page.url


@pytest.mark.slow
def test_no_view_of_a_result_is_wider_than_a_phone(server, open_page, archive):
    page = open_page(width=390)
    run = train_run(page, server, archive)
    for view in ("scores", "training", "images", "confidence", "maps", "embedding", "settings"):
        page.goto(f"{server.url}/results?run={run}&results_view={view}")
        page.get_by_text("What to see").wait_for()
        assert measure_overflow(page) <= 1, view


@pytest.mark.slow
def test_the_journey_from_an_upload_to_an_onnx_file_with_the_networks_answers(
    open_page, shared_data, tmp_path
):
    running = Server(tmp_path / "home")
    try:
        page = open_page()
        upload(page, running, shared_data / "ants_bees.zip")
        page.get_by_role("button", name="Go on: decide how to transfer").click()
        page.get_by_role("radio", name=re.compile("^Case 1")).first.click()
        page.get_by_role("button", name="Go on: train case 1").click()
        page.get_by_role("button", name="Start training").click()
        page.get_by_role("button", name="Go on: the result").click()
        page.get_by_role("link", name="Take it away").click()
        page.get_by_role("button", name="Prepare ONNX").click()
        page.get_by_text("name the same class for").wait_for()
        run = re.search(r"run=([0-9a-z]+)", page.url).group(1)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").click()
    finally:
        running.close()
    with zipfile.ZipFile(download.value.path()) as archive:
        session = onnxruntime.InferenceSession(archive.read("network.onnx"))
    kept = load_test_predictions(tmp_path / "home", run)
    data_set = dataset.load(tmp_path / "home", RunStore(tmp_path / "home").get(run).config.data_id)
    pixels = PixelArray(tmp_path / "home", data_set, get_network("demonstration").transform)[
        kept.images
    ]
    inputs = pixels.transpose(0, 3, 1, 2).astype(np.float32)
    (found,) = session.run(None, {"image": inputs})
    assert np.abs(found - kept.probabilities).max() < 1e-4


# Every page asks for the menu in the same way: see test_menu. A fresh server takes seconds.
@pytest.mark.parametrize("path", ["train?run=0123456789abcdef", "runs"])
def test_a_deep_link_works_as_the_first_request_to_a_fresh_server(path, open_page, tmp_path):
    fresh = Server(tmp_path, started_by=multiprocessing.get_context("spawn"))  # imports everything
    try:
        page = open_page()
        page.goto(f"{fresh.url}/{path}")
        page.get_by_role("button", name="More").wait_for()  # the menu, not a list of files
        page.wait_for_url(f"{fresh.url}/{path}")
        page.locator("h1").first.wait_for()
        assert page.get_by_text("Traceback").count() == 0
        title = path.split("?")[0].capitalize()
        assert page.locator("h1").first.inner_text().startswith(title)
    finally:
        fresh.close()


PLAIN = [
    "",
    "data",
    "repair",
    "try_it",
    "take_away",
    "learn",
    "sabotage",
    "networks",
    "runs",
    "compare",
    "playground",
]


def test_no_page_is_wider_than_a_phone(server, open_page):
    page = open_page(width=390)
    for name in PLAIN:
        page.goto(f"{server.url}/{name}")
        assert measure_overflow(page) <= 1, name


def test_an_upload_can_be_cancelled_and_a_bad_one_gets_advice_and_no_traceback(
    server, open_page, tmp_path
):
    (tmp_path / "large.zip").write_bytes(os.urandom(20 * 1024**2))
    (tmp_path / "notes.zip").write_text("this is no archive")
    page = open_page()
    page.goto(f"{server.url}/data")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 10**6}
    line = page.context.new_cdp_session(page)
    line.send("Network.emulateNetworkConditions", slow)
    field = page.locator(".upload input[type=file]")
    field.set_input_files(tmp_path / "large.zip")
    page.get_by_text(re.compile(r"large\.zip: [1-9]\d* of 20 MB")).wait_for()
    page.locator(".upload .moving button").press("Enter")
    page.get_by_text("The upload was cancelled").wait_for()
    line.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    field.set_input_files(tmp_path / "notes.zip")
    page.get_by_text("What to do").wait_for()
    assert page.get_by_text("Traceback").count() == 0
    assert page.get_by_text("has arrived").count() == 0
    assert page.locator(".upload .zone button").is_enabled()  # for a better one


def read_decision(page) -> tuple[int, int]:
    """The textbook's case and the chosen one, as the diagram says them to a screen reader."""
    diagram = page.locator('[class*="st-key-decide_diagram"] [aria-label*="Chosen is Case"]')
    said = diagram.first.get_attribute("aria-label")
    return tuple(
        int(re.search(rf"{word} is Case (\d)", said)[1])
        for word in ("The textbook's case", "Chosen")
    )


def go_to_decide(page, option: str) -> None:
    """Go on from Data to Decide, and choose an option by the address."""
    page.get_by_role("button", name="Go on: decide how to transfer").click()
    page.get_by_role("heading", name="What the textbook says").wait_for()
    page.goto(f"{page.url}&option={option}")
    page.get_by_role("heading", name="What the textbook says").wait_for()
    wait_until_settled(page)


def locate_cell(page, case: int):
    """The cell of a case in the decision diagram."""
    return page.get_by_role("button", name=re.compile(f"^Case {case}: "))


def test_clicks_on_a_cell_and_on_a_row_choose_what_is_trained(server, open_page, archive):
    page = open_page()
    upload(page, server, archive)
    go_to_decide(page, "1")
    textbook, chosen = read_decision(page)
    assert chosen == 1
    locate_cell(page, 3).click()
    page.get_by_role("button", name="Go on: train case 3").wait_for()
    wait_until_settled(page)
    assert read_decision(page) == (textbook, 3)
    page.get_by_role("radio", name=re.compile("^New layer over all stages")).click()
    page.get_by_role("button", name="Go on: train new layer over all stages").wait_for()
    page.get_by_role("button", name="Back to the recommendation").click()
    page.wait_for_function("() => !location.search.includes('option=')")


def test_taps_on_a_cell_and_on_a_row_choose_what_is_trained(server, open_page, archive):
    page = open_page(width=390, is_mobile=True, has_touch=True)
    upload(page, server, archive)
    go_to_decide(page, "1")
    assert measure_overflow(page) <= 1
    locate_cell(page, 2).tap()
    page.get_by_role("button", name="Go on: train case 2").wait_for()
    page.get_by_role("radio", name=re.compile("^Case 3")).tap()
    page.get_by_role("button", name="Go on: train case 3").wait_for()


WATCH_VALUE = """slider => {
  slider.seen = []
  new MutationObserver(() => {
    const now = slider.getAttribute("aria-valuenow")
    if (now !== slider.seen.at(-1)) slider.seen.push(now)
  }).observe(slider, { attributeFilter: ["aria-valuenow"] })
}"""


def test_the_dividing_line_is_dragged_and_counts_when_it_is_let_go(server, open_page, archive):
    page = open_page()
    upload(page, server, archive)
    go_to_decide(page, "1")
    line = page.get_by_role("slider", name="Small below this many images")
    assert line.get_attribute("aria-valuenow") == "2000"
    box = line.locator(".dd-grip").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 600, steps=8)  # far below the axis: to its end
    assert line.get_attribute("aria-valuenow") == "20"
    assert "are large" in line.get_attribute("aria-valuetext")
    page.wait_for_timeout(500)
    assert "line=" not in page.url  # not yet let go
    page.mouse.up()
    page.wait_for_url(re.compile("line=20(&|$)"))
    page.get_by_text(re.compile("not below 20")).first.wait_for()
    wait_until_settled(page)
    line.focus()
    line.evaluate(WATCH_VALUE)
    for key in ("ArrowUp", "ArrowUp", "End"):  # faster than the page answers
        page.keyboard.press(key)
    page.wait_for_url(re.compile("line=1000000(&|$)"))
    wait_until_settled(page)
    assert line.get_attribute("aria-valuetext").startswith("1,000,000 images")
    # Answers to the first keys never drew the line back.
    assert line.evaluate("slider => slider.seen") == ["50", "100", "1000000"]


def test_a_run_started_on_decide_ends_beside_its_forecast(server, open_page, archive):
    page = open_page()
    upload(page, server, archive)
    go_to_decide(page, "1")
    # Another test of this server may have trained it already.
    page.get_by_role("button", name=re.compile("Train it (and compare|again)")).click()
    page.locator('[role=radio][aria-label*="your run reached"]').first.wait_for()  # without a click
    page.get_by_role("button", name="Train it again").wait_for()


def test_a_downloaded_version_loads_again_as_it_was(server, open_page, archive, tmp_path):
    page = open_page()
    upload(page, server, archive)
    page.get_by_role("link", name="Repair: find copies").click()
    page.get_by_role("link", name="Download this version as a zip").wait_for()
    told = page.get_by_text(re.compile(r"^\d+ images: \d+ train")).inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download this version as a zip").click()
    download.value.save_as(tmp_path / "again.zip")
    upload(page, server, tmp_path / "again.zip")
    page.get_by_role("link", name="Repair: find copies").click()
    page.get_by_role("heading", name="again").wait_for()
    assert page.get_by_text(re.compile(r"^\d+ images: \d+ train")).inner_text() == told
