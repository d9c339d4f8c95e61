"""The ways in: a live run at once, the camera, own pictures; and the four cases as a choice."""

import streamlit as st

from pages.parts.start.stored_drawings import load_drawings
from pages.shared.network_drawing import show_small_network
from transfer_core.cases import TransferCase
from transfer_core.dataset import SAMPLES
from transfer_core.languages import N_, _

FIRST_SAMPLE = "plankton"
CELLS = {  # what a case does, in few words
    TransferCase.SMALL_SIMILAR: (N_("1 · few, similar"), N_("Keep all, new end.")),
    TransferCase.SMALL_DIFFERENT: (N_("2 · few, different"), N_("Keep the early layers.")),
    TransferCase.LARGE_SIMILAR: (N_("3 · many, similar"), N_("Train everything.")),
    TransferCase.LARGE_DIFFERENT: (N_("4 · many, different"), N_("Start from nothing.")),
}


def show_ways_in() -> str | None:
    """Draw the three ways in; returns the sample whose live run is asked for."""
    watch, record, bring = st.columns(3)
    with watch.container(border=True, height="stretch"):
        st.subheader(_("Watch one learn"), anchor=False)
        st.write(_("Ten kinds of plankton. 150 images: 90 train, 30 validate, 30 test."))
        asked = st.button(
            _("Start a live run"),
            type="primary",
            icon=":material/play_arrow:",
            key="start_live",
        )
    with record.container(border=True, height="stretch"):
        st.subheader(_("Use the camera"), anchor=False)
        st.write(_("Show it two things, then try it."))
        if st.button(_("Record two kinds"), icon=":material/videocam:", key="start_record"):
            st.switch_page("pages/data.py", query_params={"way": "record"})
    with bring.container(border=True, height="stretch"):
        st.subheader(_("Bring your pictures"), anchor=False)
        st.write(_("A zip with a folder for each kind."))
        if st.button(_("Choose a zip"), icon=":material/upload:", key="start_zip"):
            st.switch_page("pages/data.py")
    return FIRST_SAMPLE if asked else None


def show_cases() -> str | None:
    """Draw the four cases, each with a sample; returns the one whose run is asked for."""
    asked = None
    samples = {sample.case: sample for sample in SAMPLES.values()}
    for column, case in zip(st.columns(4), TransferCase, strict=True):
        sample, (title, what) = samples[case], CELLS[case]
        with column.container(border=True, height="stretch"):
            show_small_network(load_drawings()[case], key=f"start_case_{case.value}")
            st.markdown(f"**{_(title)}**  \n:small[{_(what)}]")
            if st.button(
                _(sample.title),
                icon=":material/play_arrow:",
                key=f"start_run_{sample.name}",
                help=_(
                    "Trains case {case} on it, live: {images:,} images.",
                    case=case.value,
                    images=sample.count,
                ),
            ):
                asked = sample.name
    return asked
