"""Runs and Compare in a real Chromium: rows chosen in the table, a shared link, undo."""

import re

import pytest
from answered_runs import make_data_set, make_finished_run
from browsing import Server

pytestmark = pytest.mark.browser
HEAD, ROW = 35, 35  # pixels, of the table


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server with three finished runs, newest last, and their ids; every test leaves them so."""
    home = tmp_path_factory.mktemp("home")
    data = make_data_set(home, test_images=4)
    answers = ([0] * 8, [0] * 4 + [1] * 4, [0, 0, 0, 1, 1, 1, 1, 1])
    runs = [make_finished_run(home, data, each, f"run {n}") for n, each in enumerate(answers)]
    running = Server(home)
    yield running, runs
    running.close()


def choose(page, row: int) -> None:
    """Click the box before a row of the table, counted from 0."""
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 16, box["y"] + HEAD + ROW * row + ROW / 2)


def open_runs(page, server) -> None:
    page.goto(f"{server.url}/runs")
    page.get_by_text("Choose a run by the box before it").wait_for()
    page.wait_for_timeout(1_500)  # the table is drawn on a canvas, which nothing waits for


def test_rows_chosen_in_the_table_are_compared_and_a_link_shows_the_same(served, open_page):
    server, runs = served
    page = open_page()
    open_runs(page, server)
    page.get_by_test_id("stDataFrame").first.hover()
    page.get_by_role("button", name="Search").wait_for()
    # Streamlit's own, which a spreadsheet takes for formulas.
    assert not page.get_by_role("button", name="Download as CSV").count()
    choose(page, 1)
    page.get_by_text("Repeat exactly").wait_for()
    choose(page, 2)
    page.get_by_text("2 runs chosen").wait_for()
    page.get_by_role("button", name="Compare").click()
    sentence = page.get_by_text("A is right on 4 images that B misses, B on 0 that A misses")
    sentence.wait_for()
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("code", has_text="/compare?share=").inner_text()
    other = open_page(is_stranger=True)
    other.goto(f"{server.url}/compare?runs={runs[1]},{runs[0]}")
    other.get_by_text("Train at least two runs first.").wait_for()
    other.goto(link)
    other.get_by_text(sentence.inner_text()).wait_for()
    other.get_by_text("settings differ").wait_for()


def test_a_run_deleted_by_hand_comes_back_with_undo(served, open_page):
    server, runs = served
    page = open_page()
    open_runs(page, server)
    choose(page, 0)
    page.wait_for_url(re.compile(runs[2]))
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("“run 2” was deleted").wait_for()
    other = open_page()
    other.goto(f"{server.url}/results?run={runs[2]}")
    other.get_by_text("This run was deleted").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("“run 2” was deleted").wait_for(state="detached")
    page.wait_for_url(re.compile(runs[2]))  # it is there again, and chosen
    page.get_by_text("Repeat exactly").wait_for()


def test_a_row_is_chosen_by_keyboard_alone(served, open_page):
    server, runs = served
    page = open_page()
    open_runs(page, server)
    page.get_by_role("textbox", name="Search").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.tagName") == "CANVAS":
            break
    for key in ("ArrowDown", "ArrowDown", "Shift+Space"):
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    page.get_by_text("Repeat exactly").wait_for()
    assert any(run in page.url for run in runs)


def test_all_four_cases_run_side_by_side_and_the_rule_is_judged(open_page, tmp_path):
    data = make_data_set(tmp_path, test_images=12)
    server = Server(tmp_path)
    try:
        page = open_page()
        data_id = server.find_public_id(data.id)
        page.goto(f"{server.url}/decide?data={data_id}&network=demonstration")
        page.get_by_role("button", name=re.compile("^Run all four")).click()
        page.wait_for_url(re.compile("compare.runs=[0-9a-f]+(%2C|,)"))
        cells = page.get_by_role("group", name=re.compile("^Case [1-4], "))
        cells.nth(3).wait_for()
        assert cells.count() == 4
        for case in range(1, 5):  # without a click; the quick ones first
            done = re.compile(f"^Case {case}, .*%\\).*trained · ")
            page.get_by_role("group", name=done).wait_for()
        page.get_by_text(re.compile("the textbook said case")).wait_for()
        page.get_by_role("button", name=re.compile("^Take (the best: )?case")).wait_for()
        assert page.locator(".cg-line").count() == 4
        place = "cells => cells.map(cell => cell.getBoundingClientRect()).map(({ x, y }) => [y, x])"
        one, two, three, four = cells.evaluate_all(place)  # as they are read
        assert four < three < two < one  # row by row, as in the textbook's diagram
        page.set_viewport_size({"width": 390, "height": 844})
        assert (places := cells.evaluate_all(place)) == sorted(places)
    finally:
        server.close()
