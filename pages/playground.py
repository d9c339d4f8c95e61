"""Playground: train the new layer in a blink, and find out how many images are enough."""

import streamlit as st

from pages.parts.playground.enough import show_enough
from pages.parts.playground.head_playground import show_head_playground
from pages.parts.playground.sample import offer_sample
from pages.shared import caches, session
from pages.shared.layout import (
    escape_markdown,
    require_weights,
    show_errors,
    show_page_title,
)
from pages.shared.progress import show_progress
from transfer_core.languages import _, ngettext


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Playground"), "pages/playground.py")
    data_id = session.get_current_id("data")
    if data_id is None:
        offer_sample()
        return
    with show_errors():
        data = caches.load_data_set(data_id)
        source = require_weights(session.get_source())
        with show_progress(cancel_page="pages/data.py") as report:
            images = caches.load_head_images(data.id, source.name, report)
    session.write_choices_to_url()
    st.markdown(
        ngettext(
            "The new layer on {network} learns **{data}**: {n:,} image",
            "The new layer on {network} learns **{data}**: {n:,} images",
            len(images.train),
            network=escape_markdown(source.title),
            data=escape_markdown(data.name),
        )
    )
    show_head_playground(data, source)
    show_enough(data, source)


draw()
