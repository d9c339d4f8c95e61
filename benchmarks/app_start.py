"""(f) From starting the app to its first usable page.

    python -m benchmarks.app_start [--rounds 5]

Starts a server with an empty data folder and opens a page in a Chromium that runs already,
without anything in its cache. A page is usable when what a person needs first is visible and
enabled and the page's script has ended. Beside it: an empty Streamlit page, the floor.
"""

import shutil
import tempfile
from pathlib import Path

from benchmarks.report import (
    Claim,
    build_parser,
    describe_load,
    draw_comparison,
    summarise_sides,
    write_report,
)
from benchmarks.server import ROOT, run_server
from benchmarks.sides import compare, stopwatch

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
START, DATA, EMPTY = "Start", "Data", "an empty Streamlit page"
SCRIPT_ENDED_SELECTOR = '[data-testid="stApp"][data-test-script-state="notRunning"]'
FIRST_ELEMENTS = {  # what a person needs first
    START: ("", "text=Upload a zip"),
    DATA: ("data", ".upload .zone"),
    EMPTY: ("", "text=Nothing more"),
}


def measure_start(browser, page: str, app: Path) -> float:
    """Seconds from starting a server until a page of it is usable."""
    path, first = FIRST_ELEMENTS[page]
    with tempfile.TemporaryDirectory() as home, browser.new_context() as context:
        tab = context.new_page()
        with stopwatch() as seconds, run_server(Path(home), app) as (_, address):
            tab.goto(f"http://{address}/{path}", wait_until="commit")
            tab.locator(first).first.wait_for(state="visible")
            tab.locator(SCRIPT_ENDED_SELECTOR).wait_for(state="attached")
            duration = seconds()
            tab.close()
    return duration


def main() -> None:
    """Open each page of a fresh server in turn."""
    chosen = build_parser(__doc__, "app_start").parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is None:
        raise SystemExit("This benchmark needs Chromium, which is not on this machine.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text('import streamlit as st\nst.write("Nothing more")\n')
        browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        comparison = compare(
            "From starting the app to a usable page",
            "s",
            {
                START: lambda: measure_start(browser, START, ROOT / "app.py"),
                DATA: lambda: measure_start(browser, DATA, ROOT / "app.py"),
                EMPTY: lambda: measure_start(browser, EMPTY, empty),
            },
            chosen.rounds,
        )
        browser.close()
    claims = [
        Claim(f"{page}: median seconds until usable", comparison.median(page), at_most=5)
        for page in (START, DATA)
    ]
    rows = summarise_sides(comparison, EMPTY)
    write_report(
        "App start",
        rows,
        claims,
        [draw_comparison(comparison)],
        [describe_load(comparison)],
        chosen.page,
    )


if __name__ == "__main__":
    main()
