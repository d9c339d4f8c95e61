"""Decide: both questions answered, the case advised, the choice the person's own."""

import streamlit as st

from pages.parts.decide.case_choice import choose_case, choose_cut, choose_initial_weights
from pages.parts.decide.evidence import show_evidence, show_reasons
from pages.parts.decide.measurement import offer_measurement
from pages.parts.decide.questions import ask_similarity, ask_size
from pages.parts.decide.time_per_case import show_time_per_case
from pages.shared import caches, session
from pages.shared.choice import resolve_choice
from pages.shared.layout import (
    escape_markdown,
    offer_next_page,
    require_weights,
    show_errors,
    show_figure,
    show_page_title,
    stop_unless,
)
from pages.shared.network_note import show_network_note
from pages.shared.progress import show_progress
from transfer_core.cases import TransferCase
from transfer_core.dataset import DataSet
from transfer_core.figures import describe_network, plot_network
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import SimilarityEstimate


def draw() -> None:
    """Draw the page."""
    show_page_title("Decide", "pages/decide.py")
    data_id = session.get_current_id("data")
    stop_unless(data_id, "Bring images in first.", "pages/data.py", "Go to Data")
    with show_errors():
        data = caches.load_data_set(data_id)
        source = require_weights(session.get_source())
    st.caption(
        f"{escape_markdown(data.name)}: {len(data.records):,} images, {len(data.classes)} classes"
    )
    show_network_note(data_id)
    with show_errors(), show_progress(cancel_page="pages/data.py") as report:
        estimate = caches.estimate_similarity(data_id, source.name, report)
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        size = ask_size(data, source, estimate)
    with right.container(border=True, height="stretch"):
        own_answer = ask_similarity(source, estimate, size)
    show_reasons(source, estimate, size)
    offer_measurement(data, source, estimate, size)
    choose_case(resolve_choice(data, source, estimate), estimate, own_answer)
    with show_errors():
        show_time_per_case(data, source, estimate)
    show_chosen_case(data, source, estimate)


def show_chosen_case(data: DataSet, source: SourceNetwork, estimate: SimilarityEstimate) -> None:
    """Draw the network of the chosen case, the way to train it, and the evidence."""
    case = resolve_choice(data, source, estimate).case
    if case == TransferCase.SMALL_DIFFERENT:
        choose_cut(estimate)
    if case == TransferCase.LARGE_DIFFERENT:
        choose_initial_weights(source)
    session.write_choices_to_url()
    strategy = resolve_choice(data, source, estimate).strategy
    parts = caches.describe_layers(source.name, strategy, len(data.classes))
    show_figure(plot_network(parts), describe_network(parts), key="decide_network", caption=False)
    label = f"Go on: train {case.title.lower()}"
    offer_next_page(label, "pages/train.py", data=data.id, new="run")
    show_evidence(source, estimate, strategy.keep_through)


draw()
