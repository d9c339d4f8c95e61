"""Transfer Lab: `streamlit run app.py`. Arranges the pages; each is complete by itself."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from threading import Thread

import streamlit as st

from pages import server
from pages.shared import class_keeping, downloads, session, workspace_cookie
from pages.shared.language import find_language, read_language_from_url
from pages.shared.layout import show_errors
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.languages import N_, _, find_language_with
from transfer_core.system import OPEN_OPTION, let_threads_sleep

PAGES = {
    "": [  # shown side by side; other sections are folded
        ("pages/start.py", N_("Start"), ":material/home:"),
        ("pages/data.py", N_("Data"), ":material/photo_library:"),
        ("pages/decide.py", N_("Decide"), ":material/alt_route:"),
        ("pages/train.py", N_("Train"), ":material/model_training:"),
        ("pages/results.py", N_("Results"), ":material/fact_check:"),
        ("pages/try_it.py", N_("Try it"), ":material/camera:"),
        ("pages/take_away.py", N_("Take away"), ":material/download:"),
        ("pages/learn.py", N_("Learn"), ":material/school:"),
        ("pages/layers.py", N_("Layers"), ":material/layers:"),
        ("pages/compare.py", N_("Compare"), ":material/compare:"),
        ("pages/playground.py", N_("Playground"), ":material/tune:"),
    ],
    N_("More"): [
        ("pages/repair.py", N_("Repair"), ":material/healing:"),
        ("pages/sabotage.py", N_("Sabotage lab"), ":material/bug_report:"),
        ("pages/networks.py", N_("Networks"), ":material/hub:"),
        ("pages/runs.py", N_("Runs"), ":material/history:"),
        ("pages/class_room.py", N_("Class"), ":material/groups:"),
    ],
}


def draw() -> None:
    """Draw the menu and the page of the address."""
    let_threads_sleep()
    find_language_with(find_language)
    read_language_from_url()
    st.set_page_config(page_title="Transfer Lab", page_icon="🔀", layout="wide")
    first = "pages/start.py"
    sections = {
        _(section): [
            st.Page(path, title=_(title), icon=icon, default=path == first)
            for path, title, icon in entries
        ]
        for section, entries in PAGES.items()
    }
    page = st.navigation(sections, position="top")
    session.mark_pages_arranged()
    with show_errors():  # that a page did not expect, such as a damaged file
        page.run()


def warm_up() -> None:
    """Start the engine, which resumes runs, and use once what takes seconds to import."""
    from pages.shared import caches
    from transfer_core.networks import DEFAULT_NETWORK, get_network, summarise_network

    source, case = get_network(DEFAULT_NETWORK), TransferCase.SMALL_SIMILAR
    caches.get_engine()
    summarise_network(source, plan_strategy(case, source.stage_names, kind=source.kind), 2)


@asynccontextmanager
async def run_beside(running: st.App) -> AsyncIterator[None]:
    """Start the engine with the server; at its end let runs write their checkpoints."""
    from pages.shared import caches

    async with server.run_beside(running):
        url = server.list_urls()[-1]
        workspace_cookie.announce_this_computer(url)
        class_keeping.announce_password()
        tasks = [asyncio.create_task(class_keeping.keep_sweeping())]
        if OPEN_OPTION in sys.argv:
            link = workspace_cookie.make_link_for_once(url)
            tasks.append(asyncio.create_task(server.open_in_browser(link)))
        Thread(target=warm_up, daemon=True).start()  # while the first person's browser opens
        yield
        for task in tasks:
            task.cancel()
        await asyncio.to_thread(caches.close_engine)


if __name__ == "__main__":  # run again for every click in a browser
    draw()
else:  # imported once, by the server
    let_threads_sleep()
    import_module("pandas")  # whole before a thread needs it: Plotly uses it half imported
    app = st.App(
        __file__,
        routes=[downloads.IMAGES_ROUTE, downloads.EXPORT_ROUTE, *server.ROUTES],
        middleware=[*server.MIDDLEWARE, workspace_cookie.COOKIE],
        lifespan=run_beside,
    )
