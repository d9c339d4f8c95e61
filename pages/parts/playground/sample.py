"""One click to a data set to play with, where none is open."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import show_errors
from pages.shared.progress import show_progress
from transfer_core import dataset
from transfer_core.dataset import SAMPLES, samples
from transfer_core.languages import _
from transfer_core.system import get_home

SAMPLE = "stripes"  # not too easy for the demonstration network


def offer_sample() -> None:
    """Draw the sample, and a button that opens it."""
    sample = SAMPLES[SAMPLE]
    st.markdown(_("Train a new layer in a blink: move a slider, see the curves."))
    if st.button(
        _("Play with “{sample}”", sample=_(sample.title)),
        type="primary",
        icon=":material/play_arrow:",
        key="playground_sample",
    ):
        with show_errors(), show_progress() as report:
            path = samples.resolve_path(f"sample:{SAMPLE}", get_home(), progress=report)
            data = dataset.ingest(path, home=get_home(), name=sample.title, progress=report)
            session.take_in(data.id)
        session.open_data_set(data.id)
        st.rerun()
    st.image(
        caches.render_sample_preview(SAMPLE),
        alt=_("One image of some classes: {sample}", sample=_(sample.title)),
        width=640,
    )
    st.caption(
        _("{images:,} images, {classes:,} classes.", images=sample.count, classes=sample.classes)
    )
    st.page_link("pages/data.py", label=_("Bring your own images"), icon=":material/upload:")
