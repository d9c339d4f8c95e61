"""Start: the moving network, one click to a live run, and the other ways in."""

import streamlit as st

from pages.parts.runs.workspace_box import say_if_cleared
from pages.parts.start.live_sample import find_interrupted, start_sample
from pages.parts.start.stored_drawings import load_drawings
from pages.parts.start.ways_in import FIRST_SAMPLE, show_cases, show_ways_in
from pages.shared import caches
from pages.shared.class_task import offer_class_task, open_taken_task
from pages.shared.layout import show_page_title
from pages.shared.network_drawing import show_network
from transfer_core.cases import TransferCase
from transfer_core.languages import _


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Teach a network your pictures, and see why it works"), "pages/start.py")
    say_if_cleared()
    open_taken_task()
    st.markdown(
        _(
            "It has looked at pictures before. Keep what it knows, teach it the rest: that is "
            "**transfer learning**. Nothing leaves the computer that runs this."
        )
    )
    offer_class_task(once=True)
    show_moving_network()
    place = st.container()
    asked = show_ways_in()
    asked = show_cases() or asked or find_interrupted()
    show_links()
    if asked:
        with place:
            start_sample(asked)
    caches.get_engine()  # so that the first run need not wait for it


def show_moving_network() -> None:
    """Draw the demonstration network; once it shows how it is fitted to new kinds."""
    drawing = load_drawings()[TransferCase.SMALL_SIMILAR]
    picture = caches.render_sample_picture(FIRST_SAMPLE)
    show_network(drawing, key="start_network", image=picture, play="start")


def show_links() -> None:
    """Link to the lesson and to what was done before."""
    with st.container(horizontal=True):
        st.page_link("pages/learn.py", label=_("The lesson"), icon=":material/school:")
        st.page_link("pages/runs.py", label=_("Earlier runs"), icon=":material/history:")


draw()
