"""Decide: the textbook's voice and the measured one side by side, and what to train."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.compare.four_cases import offer_four_cases
from pages.parts.decide.decision_diagram import show_diagram
from pages.parts.decide.evidence import explain_words, show_measurements, show_warnings
from pages.parts.decide.first_numbers import show_first_numbers
from pages.parts.decide.option_rows import offer_default, show_table
from pages.parts.decide.option_runs import list_option_runs, offer_training, show_unfinished
from pages.parts.decide.voices import (
    VOICE_STYLE,
    choose_minutes,
    show_measured_voice,
    show_textbook_voice,
)
from pages.parts.start.live_sample import read_sample
from pages.shared import caches, session
from pages.shared.choice import Choice, resolve_choice
from pages.shared.layout import (
    escape_markdown,
    offer_next_page,
    require_weights,
    show_errors,
    show_page_title,
    stop_unless,
)
from pages.shared.network_drawing import make_drawing, show_network
from pages.shared.network_note import show_network_note
from pages.shared.progress import show_progress
from transfer_core.dataset import SPLITS, DataSet
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork

if TYPE_CHECKING:
    from transfer_core.transferability import Option, SimilarityEstimate

NETWORK_HEIGHT = 190  # pixels


def draw() -> None:
    """Draw the page."""
    show_page_title(_("How should the network learn your images?"), "pages/decide.py")
    if sample := session.take_request("sample"):
        with show_errors(), show_progress() as report:
            session.open_data_set(read_sample(sample, report).id)
    data_id = session.get_current_id("data")
    stop_unless(data_id, _("Bring images in first."), "pages/data.py", _("Go to Data"))
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
    with left:
        show_diagram(data, source, estimate, choice)
    with right, st.container(gap="xsmall"):
        show_textbook_voice(source, estimate, choice)
        show_measured_voice(choice)
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            query = session.make_query(data=data.id) | {"new": "run"}
            offer_next_page(describe_next_step(choice.option), "pages/train.py", **query)
            offer_four_cases(data, source, choice)
            offer_default(choice)
    show_chosen_network(data, source, choice)
    show_unfinished(choice.options, runs)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choose_minutes()
        offer_training(data, source, choice, runs)
    show_warnings(estimate)
    with st.expander(_("Every way as a table"), icon=":material/table:"):
        show_table(choice)
    show_measurements(source, estimate, choice)
    explain_words()


def show_data_and_network(data: DataSet) -> None:
    """Say in one line which images learn from which network."""
    train, validation, test = (len(data.indices(split)) for split in SPLITS)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            _(
                "**{name}**: {images:,} images to learn from ({train:,} train, {validation:,} "
                "validate), {test:,} to test, {classes:,} classes",
                name=escape_markdown(data.name),
                images=train + validation,
                train=train,
                validation=validation,
                test=test,
                classes=len(data.classes),
            ),
            width="content",
        )
        show_network_note(data.id)


def measure(data: DataSet, source: SourceNetwork) -> tuple[SimilarityEstimate, Choice]:
    """Measure what both voices need, with the first numbers as soon as they are known."""
    work = session.get_journey()
    with show_first_numbers() as report_stage, show_progress(cancel_page="pages/data.py") as report:
        estimate = caches.estimate_similarity(data.id, source.name, report, report_stage)
        options = caches.list_options(data.id, source.name, estimate, work.minutes, report)
    return estimate, resolve_choice(data, source, estimate, options)


def describe_next_step(option: Option) -> str:
    """The label of the button that goes on to train the chosen option."""
    if option.strategy.textbook_case:
        return _("Go on: train case {case}", case=option.strategy.case.value)
    if option.key == "all-stages":
        return _("Go on: train new layer over all stages")
    if option.key == "last-stages":
        return _("Go on: train the last stages")
    return _("Go on: train the first stages")


def show_chosen_network(data: DataSet, source: SourceNetwork, choice: Choice) -> None:
    """Draw the network as the chosen option makes it, with one of the images at its entrance."""
    show_network(
        make_drawing(source, choice.strategy, data.classes),
        key="decide_network",
        image=caches.render_tile(data.id, data.indices("train")[0]),
        play=choice.option.key,
        height=NETWORK_HEIGHT,
    )


draw()
