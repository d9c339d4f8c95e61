"""(f) From starting the app to its first usable page.

    python -m benchmarks.app_start [--rounds 5]

Starts a server with an empty data folder and opens a page in a Chromium that runs already,
without anything in its cache. A page is usable when what a person needs first is visible and
enabled and the page's script has ended. Beside it: an empty Streamlit page, the floor.
"""

import shutil
import tempfile
from pathlib import Path

from benchmarks.report import Claim, drawn, load, options, rows_of, tell
from benchmarks.server import ROOT, serving
from benchmarks.sides import compare, stopwatch

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
START, DATA, EMPTY = "Start", "Data", "an empty Streamlit page"
ENDED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
USABLE = {  # what a person needs first
    START: ("", "text=Upload a zip"),
    DATA: ("data", '[data-testid="stFileUploaderDropzone"]'),
    EMPTY: ("", "text=Nothing more"),
}


def seconds_to(browser, page: str, app: Path) -> float:
    """Seconds from starting a server until a page of it is usable."""
    path, first = USABLE[page]
    with tempfile.TemporaryDirectory() as home, browser.new_context() as context:
        tab = context.new_page()
        with stopwatch() as seconds, serving(Path(home), app) as (_, address):
            tab.goto(f"http://{address}/{path}", wait_until="commit")
            tab.locator(first).first.wait_for(state="visible")
            tab.locator(ENDED).wait_for(state="attached")
            found = seconds()
            tab.close()
    return found


def main() -> None:
    """Open each page of a fresh server in turn."""
    chosen = options(__doc__, "app_start").parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is None:
        raise SystemExit("This benchmark needs Chromium, which is not on this machine.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text('import streamlit as st\nst.write("Nothing more")\n')
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        found = compare("From starting the app to a usable page", "s", {
            START: lambda: seconds_to(browser, START, ROOT / "app.py"),
            DATA: lambda: seconds_to(browser, DATA, ROOT / "app.py"),
            EMPTY: lambda: seconds_to(browser, EMPTY, empty),
        }, chosen.rounds)  # fmt: skip
        browser.close()
    claims = [
        Claim(f"{page}: median seconds until usable", found.median(page), at_most=5)
        for page in (START, DATA)
    ]
    rows = rows_of(found, EMPTY)
    tell("App start", rows, claims, [drawn(found)], [load(found)], chosen.page)


if __name__ == "__main__":
    main()
