"""Transfer Lab: `streamlit run app.py`. Arranges the pages; each is complete by itself."""

from threading import Thread

import streamlit as st

from pages.shared import downloads, session
from pages.shared.language import find_language
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.languages import find_language_with
from transfer_core.system import let_threads_sleep

PAGES = {
    "": [  # shown side by side; other sections are folded
        ("pages/start.py", "Start", ":material/home:"),
        ("pages/data.py", "Data", ":material/photo_library:"),
        ("pages/decide.py", "Decide", ":material/alt_route:"),
        ("pages/train.py", "Train", ":material/model_training:"),
        ("pages/results.py", "Results", ":material/fact_check:"),
        ("pages/try_it.py", "Try it", ":material/camera:"),
        ("pages/take_away.py", "Take away", ":material/download:"),
        ("pages/learn.py", "Learn", ":material/school:"),
        ("pages/layers.py", "Layers", ":material/layers:"),
        ("pages/compare.py", "Compare", ":material/compare:"),
        ("pages/playground.py", "Playground", ":material/tune:"),
    ],
    "More": [
        ("pages/repair.py", "Repair", ":material/healing:"),
        ("pages/sabotage.py", "Sabotage lab", ":material/bug_report:"),
        ("pages/networks.py", "Networks", ":material/hub:"),
        ("pages/runs.py", "Runs", ":material/history:"),
    ],
}


def draw() -> None:
    """Draw the menu and the page of the address."""
    let_threads_sleep()
    find_language_with(find_language)
    st.set_page_config(page_title="Transfer Lab", page_icon="🔀", layout="wide")
    first = "pages/start.py"
    sections = {
        section: [
            st.Page(path, title=title, icon=icon, default=path == first)
            for path, title, icon in entries
        ]
        for section, entries in PAGES.items()
    }
    page = st.navigation(sections, position="top")
    session.mark_pages_arranged()
    page.run()


def warm_up() -> None:
    """Import what draws and trains networks, which takes seconds, and use it once."""
    from transfer_core.networks import DEFAULT_NETWORK, get_network, summarise_network

    source, case = get_network(DEFAULT_NETWORK), TransferCase.SMALL_SIMILAR
    summarise_network(source, plan_strategy(case, source.stage_names, kind=source.kind), 2)


if __name__ == "__main__":  # run again for every click in a browser
    draw()
else:  # imported once, by the server
    let_threads_sleep()
    Thread(target=warm_up, daemon=True).start()  # while the first person's browser opens
    app = st.App(__file__, routes=[downloads.IMAGES_ROUTE, downloads.EXPORT_ROUTE])
