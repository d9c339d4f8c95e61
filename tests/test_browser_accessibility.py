"""Every page for screen reader and keyboard alone, judged by axe-core in a real Chromium."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import COOKIES, Server, wait_until_settled
from playwright.sync_api import Locator, Page
from zips import make_picture, write_zip

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.networks import get_network
from transfer_core.runs import RunRecord, RunState, RunStore
from transfer_core.runs.launch import make_run_config, start_engine
from transfer_core.transferability import network_ranking
from transfer_core.workspaces import hold_for_this_computer, open_classes, open_workspaces

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SERIOUS = {"serious", "critical"}
OUT_OF_REACH = {
    # Streamlit's menu lays its sections' list items in a <div> below the <ul>.
    "list": "ul[data-testid=stSidebarNavItems]",
    "listitem": "ul[data-testid=stSidebarNavItems] > div > li",
}
EMPTY = [
    "",
    "data",
    "decide",
    "train",
    "results",
    "repair",
    "try_it",
    "take_away",
    "learn",
    "sabotage",
    "layers?layers_network=demonstration",
    "networks",
    "runs",
    "compare",
    "playground",
    "class_room",
]
VIEWS = ["scores", "training", "images", "confidence", "maps", "embedding", "settings"]
FULL = {  # how many charts each page has, by its address
    "data?{data}": 1,
    "decide?{data}&network=demonstration": 4,
    "train?{data}&network=demonstration": 0,
    "train?{run}": 2,
    **{
        f"results?{{run}}&results_view={view}": charts
        for view, charts in zip(VIEWS, (2, 2, 0, 1, 2, 2, 0), strict=True)
    },
    "repair?{run}&{data}": 0,
    "repair?{data}": 0,
    "sabotage?{data}": 0,
    "try_it?{run}": 1,
    "take_away?{run}": 0,
    "layers?{data}&{run}": 0,
    "networks?{data}": 0,
    "runs": 0,
    "runs?runs={one}": 0,
    "runs?runs={both}": 0,
    "compare?runs={both}": 3,
    "playground?{data}": 0,
    "class_room": 1,
}
CHARTS = ".js-plotly-plot"


@pytest.fixture(scope="module")
def page(browser):
    """One for all tests, which keeps the program's files in its cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(90_000)
    yield opened
    context.close()


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("empty"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Addresses of a server with two runs and a data set that holds two similar images."""
    home = tmp_path_factory.mktemp("full")
    files = {
        f"{split}/{name}/{number}.png": make_picture(100 * label + 10 * part + number, (64, 64))
        for label, name in enumerate(("ant", "bee <b>"))
        for part, (split, count) in enumerate({"train": 6, "val": 4, "test": 6}.items())
        for number in range(count)
    }
    files["train/ant/again.bmp"] = make_picture(0, (64, 64), "BMP")
    files["train/ant/torn.png"] = make_picture(0, (64, 64))[:200]
    read = dataset.ingest(write_zip(home / "given.zip", files), home=home)
    data = hold_for_this_computer(home, read)
    source = get_network("demonstration")
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    with start_engine(home) as engine:
        one, two = (
            engine.submit(make_run_config(data, source, strategy, seed), name=f"run <b> {seed}")
            for seed in range(2)
        )
        engine.wait(one, timeout=120)
        engine.wait(two, timeout=120)
        open_class(home, engine.get(one))
    with pytest.MonkeyPatch.context() as patch:  # a row on Networks, and others that wait
        patch.setattr(network_ranking, "list_present_networks", lambda: (source,))
        network_ranking.rank_networks(data, home)
    running = Server(home)
    address = f"data={running.find_public_id(data.id)}"
    names = {"data": address, "run": f"run={one}", "one": one, "both": f"{one},{two}"}
    yield running, names
    running.close()


def open_class(home: Path, run: RunRecord) -> None:
    """A class of this computer's workspace, with a student who has trained the same."""
    workspaces, runs = open_workspaces(home), RunStore(home)
    class_ = open_classes(home).open(workspaces.this_computer, "7b <b>")
    student = workspaces.find(workspaces.create())
    open_classes(home).join(student, class_.code, "Ada <b>")
    own = runs.create(run.config, "run of Ada", student.id)
    runs.set_state(own.id, RunState.finished, result=run.result)


def open_address(page: Page, address: str) -> None:
    page.emulate_media(color_scheme="light")
    page.context.add_cookies(COOKIES)
    page.goto(address)
    wait_until_settled(page)


def find_violations(page: Page, **options) -> list[str]:
    """Serious violations, less those out of reach."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"]
        if not is_out_of_reach(page, each["id"], node["target"][0])
    ]


def is_out_of_reach(page: Page, rule: str, target: str) -> bool:
    known = OUT_OF_REACH.get(rule)
    return known is not None and page.locator(target).first.evaluate(
        "(element, known) => element.matches(known)", known
    )


def find_violations_in_both_themes(page: Page) -> list[str]:
    """Violations in the light theme, and those of colours in the dark one."""
    found = find_violations(page)
    page.emulate_media(color_scheme="dark")
    wait_until_settled(page)
    return found + find_violations(page, runOnly=["color-contrast"])


def find_unnamed_charts(page: Page) -> list[str]:
    """Charts and other drawings, except tables, that have no name for a screen reader."""
    return page.locator(f"{CHARTS}, canvas").evaluate_all(
        """drawn => drawn.filter(each => {
          if (!each.checkVisibility() || each.closest("[data-testid=stDataFrame]")) return false
          const figure = each.closest("[role=img], [role=figure]")
          const told = figure?.getAttribute("aria-label") ?? ""
          return told.split(/\\s+/).length < 4
        }).map(each => each.outerHTML.slice(0, 200))"""
    )


@pytest.mark.parametrize("path", EMPTY)
def test_no_empty_page_has_a_serious_violation(path, empty, page):
    open_address(page, f"{empty.url}/{path}")
    assert find_violations_in_both_themes(page) == []
    assert find_unnamed_charts(page) == []


@pytest.mark.parametrize("path", FULL)
def test_no_page_has_a_serious_violation_or_a_chart_without_words(path, full, page):
    server, names = full
    open_address(page, f"{server.url}/{path.format(**names)}")
    if path.startswith("try_it"):
        file = {"name": "a.png", "mimeType": "image/png", "buffer": make_picture(7, (64, 64))}
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
        page.get_by_text("Does it know these images?").wait_for()
    page.wait_for_function(
        "([charts, count]) => document.querySelectorAll(charts).length >= count",
        arg=[CHARTS, FULL[path]],
    )
    wait_until_settled(page)
    assert find_violations_in_both_themes(page) == []
    assert find_unnamed_charts(page) == []


def tab_to(page: Page, role: str, name: str | re.Pattern) -> None:
    """Press Tab until the keyboard stands on this."""
    move_focus(page, page.get_by_role(role, name=name))


def move_focus(page: Page, wanted: Locator, key: str = "Tab", max_presses: int = 120) -> None:
    """Press a key until one of these elements has the focus."""
    wanted.first.wait_for()
    focused = wanted.and_(page.locator(":focus"))
    for _ in range(max_presses):
        page.keyboard.press(key)
        if focused.count():
            return
    raise AssertionError(f"{key} does not come to {wanted}")


def press(page: Page, role: str, name: str | re.Pattern) -> None:
    tab_to(page, role, name)
    page.keyboard.press("Enter")


def choose(page: Page, first: str | re.Pattern, right: int) -> None:
    """Choose the option so many steps to the right of the first."""
    tab_to(page, "radio", first)
    for key in ["ArrowRight"] * right + ["Space"]:
        page.keyboard.press(key)


def test_the_whole_journey_by_keyboard_alone(empty, page):
    open_address(page, empty.url)
    press(page, "button", "Choose a zip")
    press(page, "button", "Use “Plankton, a few”")
    press(page, "button", "Go on: decide how to transfer")
    page.get_by_role("heading", name="What the textbook says").wait_for()
    move_focus(page, page.locator("[role=radio][aria-checked=true]"))
    move_focus(page, page.get_by_role("radio", name=re.compile("^Case 2")), "ArrowDown")
    page.keyboard.press("Space")
    page.get_by_role("button", name=re.compile("^Go on: train case 2")).wait_for()
    press(page, "button", re.compile("^Go on: train case 2"))
    move_focus(page, page.locator("summary", has_text="Settings"))
    page.keyboard.press("Enter")
    tab_to(page, "spinbutton", "Epochs, at most")
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    move_focus(page, page.get_by_role("button", name="Start training"), "Shift+Tab")
    page.keyboard.press("Enter")
    press(page, "button", "Go on: the result")
    page.get_by_text("test images are right").wait_for()
    choose(page, "Scores", right=3)  # Confidence
    page.get_by_role("figure", name=re.compile("sure")).wait_for()
    press(page, "link", "Take it away")
    page.get_by_role("heading", name="Bundle").wait_for()
    press(page, "button", "Prepare")
    tab_to(page, "link", re.compile("^Download"))
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.path().stat().st_size > 0


def test_the_playground_by_keyboard_alone(full, page):
    server, names = full
    open_address(page, f"{server.url}/playground?{names['data']}&network=demonstration")
    press(page, "button", "One class missing")
    press(page, "button", "go down")
    page.get_by_text("You said down").wait_for()
    move_focus(page, page.get_by_role("slider", name=re.compile("^Accuracy: how many")))
    for key, epoch in (("Home", 1), ("ArrowRight", 2), ("End", 100)):
        page.keyboard.press(key)
        told = page.locator(":focus").get_attribute("aria-valuetext")
        assert re.match(rf"epoch {epoch}: training \d+ %, validation \d+ %", told)
    press(page, "button", "Measure the new layer alone")
    page.get_by_role("slider", name=re.compile("^Accuracy on images")).wait_for()
    page.get_by_text("How long would it take?").wait_for()
    wait_until_settled(page)
    assert find_violations_in_both_themes(page) == []
