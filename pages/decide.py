"""Decide: the textbook's voice and the measured one side by side, and what to train."""

import streamlit as st

from pages.parts.decide.diagram import show_diagram
from pages.parts.decide.evidence import explain_words, show_measurements, show_warnings
from pages.parts.decide.first_numbers import show_first_numbers
from pages.parts.decide.option_choice import show_options
from pages.parts.decide.option_runs import list_option_runs, offer_training, show_unfinished
from pages.parts.decide.voices import VOICE_STYLE, show_measured_voice, show_textbook_voice
from pages.shared import caches, session
from pages.shared.choice import Choice, resolve_choice
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
    show_data_and_network(data)
    with show_errors():
        estimate, choice = measure(data, source)
    session.write_choices_to_url()
    runs = list_option_runs(data, source, choice.options)
    st.html(VOICE_STYLE)
    left, right = st.columns(2)
    with right:
        show_textbook_voice(source, estimate, choice)
        show_measured_voice(choice)
        with st.container(horizontal=True):
            label = f"Go on: train {lower_first(choice.option.name)}"
            offer_next_page(label, "pages/train.py", data=data.id, new="run")
            offer_training(data, source, choice, runs)
        show_unfinished(choice.options, runs)
    with left:
        show_diagram(data, source, estimate, choice)
    show_options(choice, runs)
    show_warnings(estimate)
    show_network(data, source, choice)
    show_measurements(source, estimate, choice)
    explain_words()


def show_data_and_network(data: DataSet) -> None:
    """Say in one line which images learn from which network."""
    learned_from = len(data.records) - len(data.indices("test"))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{escape_markdown(data.name)}**: {learned_from:,} images to learn from, "
            f"{len(data.classes)} classes",
            width="content",
        )
        show_network_note(data.id)


def measure(data: DataSet, source: SourceNetwork) -> tuple[SimilarityEstimate, Choice]:
    """Measure what both voices need, with the first numbers as soon as they are known."""
    work = session.get_workspace()
    with show_first_numbers() as report_stage, show_progress(cancel_page="pages/data.py") as report:
        estimate = caches.estimate_similarity(data.id, source.name, report, report_stage)
        options = caches.list_options(data.id, source.name, estimate, work.minutes, report)
    return estimate, resolve_choice(data, source, estimate, options)


def lower_first(name: str) -> str:
    """The name as it stands within a sentence."""
    return name[:1].lower() + name[1:]


def show_network(data: DataSet, source: SourceNetwork, choice: Choice) -> None:
    """Draw the network as the chosen option makes it."""
    parts = caches.describe_layers(source.name, choice.strategy, len(data.classes))
    with st.expander(f"The network: {choice.option.name}", icon=":material/layers:"):
        show_figure(
            plot_network(parts), describe_network(parts), key="decide_network", caption=False
        )


draw()
