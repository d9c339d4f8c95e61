"""Start: what this is, and the ways in."""

from pathlib import Path

import streamlit as st

from pages.shared.layout import show_page_title

LESSONS = Path(__file__).parent / "lessons"


def draw() -> None:
    """Draw the page."""
    show_page_title("Transfer Lab", "pages/start.py")
    st.markdown(
        "**Take your images and a pre-trained network, decide how to transfer, train it live, and "
        "see why it works.** No code; nothing leaves the computer that runs it."
    )
    show_ways_in()
    st.header("The lesson in one minute", anchor=False)
    st.markdown((LESSONS / "four_cases.md").read_text(encoding="utf-8"))
    st.page_link("pages/learn.py", label="More about the layers", icon=":material/school:")


def show_ways_in() -> None:
    """Link to an upload, to a sample and to earlier runs."""
    ways = st.columns(3)
    with ways[0].container(border=True, height="stretch"):
        st.subheader("Your own images", anchor=False)
        st.write("A zip with one folder per class, or classes that you record with the webcam.")
        st.page_link("pages/data.py", label="Upload or record", icon=":material/upload:")
    with ways[1].container(border=True, height="stretch"):
        st.subheader("A sample", anchor=False)
        st.write(
            "Four, built in: plankton (a few and many), striped cloth, and handwritten digits."
        )
        st.page_link(
            "pages/data.py",
            label="Start with plankton",
            icon=":material/pin:",
            query_params={"sample": "plankton"},
        )
    with ways[2].container(border=True, height="stretch"):
        st.subheader("Earlier runs", anchor=False)
        st.write("Everything that was trained here.")
        st.page_link("pages/runs.py", label="See runs", icon=":material/history:")


draw()
