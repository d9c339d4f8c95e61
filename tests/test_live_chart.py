"""The live chart in a real Chromium: what a person did to it outlives every update."""

from pathlib import Path

import plotly
import pytest
import streamlit as st
from browsing import Server
from streamlit.testing.v1 import AppTest
from test_browser import zoom_and_hide

from pages.shared.live_chart import build_library_url

APP = """
import time

import streamlit as st

from pages.shared.live_chart import show_live_charts


@st.cache_resource
def began():
    return time.monotonic()


@st.fragment(run_every=0.3)
def watch():
    x = [step / 10 for step in range(1, 50 + int(10 * (time.monotonic() - began())))]
    steps = [round(10 * epoch) for epoch in x]
    traces = [
        {"type": "scatter", "name": name, "x": x, "y": [top / (1 + e) for e in x],
         "customdata": steps}
        for name, top in (("training", 5), ("validation", 6))
    ]
    chart = {"title": "Loss", "x": "epoch", "y": "nats", "traces": traces}
    show_live_charts([chart], f"So far {len(x)} points.", key="chart")


watch()
"""
STATE_SCRIPT = """() => {
  const chart = document.querySelector('.live-chart'), shown = chart._fullLayout
  return [chart.marked, shown.xaxis.range, shown.yaxis.range, chart._fullData[1].visible]
}"""
LENGTH_SCRIPT = "() => document.querySelector('.live-chart')?.data?.[0].x.length ?? 0"


@pytest.fixture(scope="module")
def chart_address(tmp_path_factory):
    """A server whose only page is a growing chart."""
    app = tmp_path_factory.mktemp("chart") / "chart.py"
    app.write_text(APP)
    server = Server(app.parent, app)
    yield server.url
    server.close()


def wait_for_update(page):
    page.wait_for_function(f"n => ({LENGTH_SCRIPT})() > n", arg=page.evaluate(LENGTH_SCRIPT))


def open_chart(page, address):
    page.goto(address)
    page.wait_for_function(f"() => ({LENGTH_SCRIPT})() > 0")
    return page


@pytest.mark.browser
def test_zoom_and_hidden_series_outlive_three_updates_of_the_same_node(
    chart_address,
    open_page,
):
    page = open_chart(open_page(), chart_address)
    page.evaluate("() => { document.querySelector('.live-chart').marked = 'same node' }")
    zoom_and_hide(page)
    page.wait_for_function(f"() => ({STATE_SCRIPT})()[3] === 'legendonly'")
    chosen = page.evaluate(STATE_SCRIPT)
    for _ in range(3):
        wait_for_update(page)
        assert page.evaluate(STATE_SCRIPT) == chosen
    assert chosen[0] == "same node"


@pytest.mark.browser
def test_the_upper_axis_counts_the_steps_of_the_epochs_below(chart_address, open_page):
    page = open_chart(open_page(), chart_address)
    wait_for_update(page)
    epochs, steps = page.evaluate(
        "() => { const l = document.querySelector('.live-chart')._fullLayout;"
        "return [l.xaxis.range, l.xaxis2.range] }"
    )
    assert steps == pytest.approx([10 * epoch for epoch in epochs])


@pytest.mark.browser
def test_the_library_is_fetched_once_and_a_reload_takes_it_from_the_cache(
    chart_address,
    open_page,
):
    page = open_page()
    network, answers = page.context.new_cdp_session(page), []
    network.send("Network.enable")
    network.on("Network.responseReceived", lambda event: answers.append(event["response"]))
    open_chart(page, chart_address)
    wait_for_update(page)
    wait_for_update(page)
    page.reload()
    page.wait_for_function(f"() => ({LENGTH_SCRIPT})() > 0")
    library = [answer for answer in answers if "plotly.min.js" in answer["url"]]
    assert [answer["fromDiskCache"] for answer in library] == [False, True]
    assert plotly.__version__ in library[0]["url"]


@pytest.mark.browser
def test_the_chart_is_an_image_with_words_and_a_failed_library_leaves_the_words(
    chart_address,
    open_page,
):
    page = open_chart(open_page(), chart_address)
    assert page.get_by_role("figure", name="Loss. So far").count() == 1
    broken = open_page()
    broken.route("**/plotly.min.js*", lambda route: route.abort())
    broken.goto(chart_address)
    broken.get_by_text("This chart could not be loaded. So far").wait_for()
    broken.unroute("**/plotly.min.js*")
    broken.wait_for_function(f"() => ({LENGTH_SCRIPT})() > 0")  # the next update tries again
    assert broken.get_by_text("This chart could not be loaded").count() == 0


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_chart_fits_and_takes_the_themes_text_colour(width, chart_address, open_page):
    colours = []
    for scheme in ("light", "dark"):
        page = open_chart(open_page(width=width, scheme=scheme), chart_address)
        colours.append(
            page.evaluate("() => document.querySelector('.live-chart').layout.font.color")
        )
        main = "document.querySelector('[data-testid=stMain]')"
        assert page.evaluate(f"() => {main}.scrollWidth - {main}.clientWidth") <= 1
    assert len(set(colours)) == 2


def test_the_library_is_found_under_any_base_path(monkeypatch):
    assert build_library_url().startswith("/component/")
    monkeypatch.setattr(st, "get_option", lambda name: "/lab/")
    assert build_library_url().startswith("/lab/component/")


def test_a_page_with_the_chart_runs_without_a_browser(tmp_path):
    page = AppTest.from_string(APP).run()
    assert not page.exception


def test_the_library_lies_in_the_plotly_package():
    assert (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").is_file()
