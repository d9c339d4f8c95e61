"""The network drawing in a real Chromium: its slabs, by eye, by keyboard and by screen reader."""

import re

import pytest
from browsing import Server, wait_until_settled
from test_browser_accessibility import find_violations_in_both_themes

pytestmark = [pytest.mark.browser, pytest.mark.slow]
APP = """
import streamlit as st

from pages.shared.network_drawing import make_drawing, show_network, show_small_network
from transfer_core.cases import list_strategies
from transfer_core.networks import get_network
from transfer_core.training import StageChange

source = get_network("demonstration")
strategy = list_strategies(source.stage_names, source.kind)["2-conv2"]
changes = [StageChange("head", False, 0.25, False)] if st.toggle("Train") else None
drawing = make_drawing(source, strategy, ("rose", "tulip"), changes)
st.title("One network")
chosen = show_network(drawing, key="network", play="once", selectable=True)
st.write(f"Chosen: {chosen}")
show_small_network(drawing, key="small")
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server whose only page is one network, large and small."""
    app = tmp_path_factory.mktemp("drawing") / "drawing.py"
    app.write_text(APP)
    running = Server(app.parent, app)
    yield running.url
    running.close()


def open_drawing(open_page, address, **options):
    page = open_page(**options)
    page.goto(address)
    page.locator(".nd-network .nd-slab").last.wait_for()
    page.locator(".small .nd-slab").last.wait_for()
    wait_until_settled(page)
    return page


def test_slabs_stand_in_the_inputs_order_each_with_its_state(open_page, address):
    page = open_drawing(open_page, address)
    slabs = page.locator(".nd-network .nd-slab")
    assert slabs.count() == page.locator(".small .nd-slab").count() == 7
    words = [slab.get_attribute("aria-label") for slab in slabs.all()]
    assert [text.partition(" (")[0].partition(":")[0] for text in words[:3]] == [
        "Convolution 1",
        "Convolution 2",
        "New layer",
    ]
    left = [slab.locator(".nd-body").bounding_box()["x"] for slab in slabs.all()]
    assert left == sorted(left)
    fills = slabs.locator(".nd-face:first-child").evaluate_all("all => all.map(e => e.style.fill)")
    assert "frozen" in fills[0] and "new" in page.locator(".nd-new .nd-face").first.evaluate(
        "e => e.style.fill"
    )
    assert "Convolution 3" in page.locator(".nd-network svg.nd").first.get_attribute("aria-label")
    assert page.locator(".small svg").get_attribute("aria-hidden") == "true"
    assert find_violations_in_both_themes(page) == []


def test_the_keyboard_reads_and_chooses_every_slab(open_page, address):
    page = open_drawing(open_page, address)
    slabs = page.locator(".nd-network .nd-slab")
    slabs.first.focus()
    page.keyboard.press("ArrowRight")
    page.locator(".nd-detail", has_text="Convolution 2 (shapes and textures)").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("Chosen: 1").wait_for()
    assert slabs.nth(1).get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowLeft")
    page.locator(".nd-detail", has_text="Convolution 1").wait_for()


def test_what_training_moved_glows_without_a_new_drawing(open_page, address):
    page = open_drawing(open_page, address)
    svg = page.locator(".nd-network svg.nd").first
    svg.evaluate("svg => { svg.marked = true }")
    page.get_by_text("Train", exact=True).click()
    glow = page.locator(".nd-network .nd-new .nd-glow")
    page.locator('.nd-network .nd-new[aria-label*="moved by 25.0%"]').wait_for()
    assert float(glow.evaluate("glow => glow.style.opacity")) == pytest.approx(0.5)
    assert svg.evaluate("svg => svg.marked")


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_surgery_moves_on_request_and_not_for_people_who_asked_for_less(
    motion,
    open_page,
    address,
):
    page = open_drawing(open_page, address, reduced_motion=motion)
    again = page.get_by_role("button", name="Play again")
    if motion == "reduce":
        assert not again.is_visible()
        return
    again.click()
    running = "svg => svg.getAnimations({ subtree: true }).length"
    assert page.locator(".nd-network svg.nd").first.evaluate(running) > 0


def test_one_click_on_start_leads_to_live_curves(server, open_page):
    page = open_page()
    page.goto(server.url)
    page.locator(".nd-network .nd-slab").last.wait_for()
    page.get_by_role("button", name="Start a live run").click()
    page.wait_for_url(re.compile(r"train\?.*run=[0-9a-z]+"))
    page.locator(".live-chart .main-svg").first.wait_for()
    page.get_by_role("button", name="Go on: the result").wait_for()


def test_presenting_enlarges_type_and_lines_and_a_link_keeps_it(server, open_page):
    page = open_page()
    page.goto(f"{server.url}/?present=yes")
    text = page.locator(".nd-network .nd text").first
    text.wait_for()
    assert float(text.get_attribute("font-size")) == pytest.approx(13 * 1.6)
    menu = page.locator('[data-testid="stTopNavLink"], [data-testid="stTopNavSection"]')
    boxes = [each.bounding_box() for each in menu.all()]
    assert max(box["x"] + box["width"] for box in boxes) <= page.viewport_size["width"]
    page.get_by_role("link", name="Data", exact=True).first.click()
    page.get_by_role("heading", name="Data", exact=True).wait_for()
    page.wait_for_url(re.compile("present=yes"))
    page.get_by_text("Present", exact=True).click()
    page.wait_for_function("() => getComputedStyle(document.documentElement).fontSize === '16px'")
    assert "present" not in page.url
