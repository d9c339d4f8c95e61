"""Transfer Lab: `streamlit run app.py`. Arranges the pages; each is complete by itself."""

import streamlit as st

from pages.shared import downloads, session
from transfer_core.system import let_threads_sleep

PAGES = {
    "The journey": [
        ("pages/start.py", "Start", ":material/home:"),
        ("pages/data.py", "Data", ":material/photo_library:"),
        ("pages/decide.py", "Decide", ":material/alt_route:"),
        ("pages/train.py", "Train", ":material/model_training:"),
        ("pages/results.py", "Results", ":material/fact_check:"),
        ("pages/repair.py", "Repair", ":material/healing:"),
        ("pages/try_it.py", "Try it", ":material/camera:"),
        ("pages/take_away.py", "Take away", ":material/download:"),
    ],
    "Beside it": [
        ("pages/learn.py", "Learn", ":material/school:"),
        ("pages/networks.py", "Networks", ":material/hub:"),
        ("pages/runs.py", "Runs", ":material/history:"),
        ("pages/compare.py", "Compare", ":material/compare:"),
        ("pages/playground.py", "Playground", ":material/tune:"),
    ],
}


def draw() -> None:
    """Draw the menu and the page of the address."""
    let_threads_sleep()
    st.set_page_config(page_title="Transfer Lab", page_icon="🔀", layout="wide")
    first = "pages/start.py"
    sections = {
        section: [
            st.Page(path, title=title, icon=icon, default=path == first)
            for path, title, icon in entries
        ]
        for section, entries in PAGES.items()
    }
    page = st.navigation(sections)
    session.mark_pages_arranged()
    page.run()


if __name__ == "__main__":  # run again for every click in a browser
    draw()
else:  # imported once, by the server
    app = st.App(__file__, routes=[downloads.IMAGES_ROUTE, downloads.EXPORT_ROUTE])
