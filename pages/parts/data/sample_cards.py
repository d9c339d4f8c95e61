"""The built-in samples as cards, one for each case."""

import streamlit as st

from pages.shared import caches
from transfer_core.cases import TransferCase
from transfer_core.dataset import SAMPLES, SAMPLES_LINE


def show_sample_cards() -> str | None:
    """Draw a card for each sample; returns the name of the one asked for."""
    st.markdown(
        "**Or take a built-in sample**, one for each case. With a sample the line between few and "
        f"many is at {SAMPLES_LINE:,} images."
    )
    asked = None
    columns = [*st.columns(2), *st.columns(2)]
    for column, sample in zip(columns, SAMPLES.values(), strict=True):
        with column.container(border=True, height="stretch"):
            st.image(
                caches.render_sample_preview(sample.name),
                alt=f"One image of some classes of {sample.title.lower()}",
                width="stretch",
            )
            st.markdown(f"**{sample.title}**  \n:small[{TransferCase(sample.case).title}]")
            st.caption(f"{sample.count:,} images, {sample.classes} classes. {sample.description}")
            if st.button(f"Use “{sample.title}”", key=f"data_use_{sample.name}"):
                asked = sample.name
    return asked
