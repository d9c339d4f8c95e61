"""The lesson in a real Chromium: kept across a reload, words by keyboard, predict and run, axe."""

import re

import pytest
from browsing import measure_overflow, wait_until_settled
from test_browser_accessibility import find_violations_in_both_themes

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def open_part(page, server, part: str) -> None:
    page.goto(f"{server.url}/learn?part={part}")
    page.get_by_role("button", name="Back").wait_for()
    wait_until_settled(page)


def test_an_answer_and_the_place_survive_a_reload(server, open_page):
    page = open_page()
    open_part(page, server, "2.1")
    page.get_by_text("The three convolutional ones").click()
    page.get_by_text("Right.").wait_for()
    page.get_by_text("1 of 20 checks answered right").wait_for()
    wait_until_settled(page)
    page.goto(f"{server.url}/learn")  # another session, without the part in its address
    page.get_by_text("1 of 20 checks answered right").wait_for()
    page.get_by_role("heading", name="Six layers").wait_for()
    open_part(page, server, "3.1")  # a link to a part loses nothing
    page.get_by_text("1 of 20 checks answered right").wait_for()
    page.get_by_role("button", name="Start over").click()
    page.get_by_role("button", name="Forget my answers and guesses").click()
    page.get_by_role("heading", name="Learn once, use again").wait_for()
    wait_until_settled(page)
    page.reload()
    page.get_by_text("0 of 20 checks answered right").wait_for()


def test_a_word_opens_in_place_by_the_keyboard_alone(server, open_page):
    page = open_page(width=390)
    open_part(page, server, "3.1")
    word, card = page.locator("button.word").first, page.locator(".word-card:popover-open")
    word.focus()
    page.keyboard.press("Enter")
    card.wait_for()
    assert card.inner_text().startswith("overfitting: To learn pictures by heart")
    box = card.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert abs(box["y"] - word.bounding_box()["y"]) < 250  # beside its word
    assert find_violations_in_both_themes(page) == []
    page.keyboard.press("Escape")
    card.wait_for(state="hidden")
    assert measure_overflow(page) <= 1


def test_a_prediction_is_put_beside_the_result_of_a_real_run(server, open_page):
    page = open_page()
    open_part(page, server, "1.2")
    page.locator("svg .nd-slab").last.wait_for()
    assert page.locator("svg.nd:has(.nd-slab)").first.bounding_box()["y"] <= 300
    assert page.get_by_text("Why did the training take only seconds?").count() == 0  # not yet
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Keep my guess, and run it").click()
    said = page.get_by_text(re.compile(r"of 30 test pictures right.*than you guessed"))
    said.wait_for()
    percent, difference = map(
        int, re.search(r"that is (\d+) of 100, (\d+) more", said.inner_text()).groups()
    )
    assert percent - difference == 51
    page.get_by_text("Why did the training take only seconds?").wait_for()
    assert find_violations_in_both_themes(page) == []
