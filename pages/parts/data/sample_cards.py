"""The built-in samples as cards, one for each case."""

import streamlit as st

from pages.shared import caches
from transfer_core.cases import TransferCase
from transfer_core.dataset import SAMPLES, SAMPLES_LINE
from transfer_core.languages import _


def show_sample_cards() -> str | None:
    """Draw a card for each sample; returns the name of the one asked for."""
    st.markdown(
        _("**Or take a built-in sample**, one for each case"),
        help=_(
            "With a sample the line between few and many is at {line:,} images.", line=SAMPLES_LINE
        ),
    )
    asked = None
    columns = [*st.columns(2), *st.columns(2)]
    for column, sample in zip(columns, SAMPLES.values(), strict=True):
        with column.container(border=True, height="stretch"):
            st.image(
                caches.render_sample_preview(sample.name),
                alt=_("One image of some classes of {sample}", sample=_(sample.title)),
                width="stretch",
            )
            st.markdown(f"**{_(sample.title)}**  \n:small[{_(TransferCase(sample.case).title)}]")
            st.caption(
                _(
                    "{images:,} images, {classes} classes.",
                    images=sample.count,
                    classes=sample.classes,
                )
            )
            if st.button(
                _("Use “{sample}”", sample=_(sample.title)),
                key=f"data_use_{sample.name}",
                help=_(sample.description),
            ):
                asked = sample.name
    return asked
