"""The result of a run: its score, its network, and what must be known beside it."""

import streamlit as st

from pages.parts.results.expectation import show_expectation
from pages.shared import caches
from pages.shared.case_one import show_if_below_case_one, show_if_head_was_kept
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.result_words import describe_result
from pages.shared.training_figures import show_run_network
from transfer_core.dataset import SPLITS
from transfer_core.errors import DataSetError
from transfer_core.runs import RunRecord
from transfer_core.training import TestResult


def show_summary(record: RunRecord, result: TestResult) -> None:
    """Draw the score beside the network, and what must be known of it."""
    left, right = st.columns([2, 3])
    with left:
        _show_score(result)
        st.markdown(escape_markdown(describe_result(record)))
        if split := _describe_split(record):
            st.caption(split)
        show_expectation(record)
        _offer_trying(record)
    with right, show_errors():
        show_run_network(record)
    show_if_head_was_kept(record)
    show_if_below_case_one(record)
    for warning in caches.describe_repairs(record.config.data_id):
        st.warning(escape_markdown(warning), icon=":material/healing:")


def _describe_split(record: RunRecord) -> str:
    """Say what each image of the data set was for; "" if the data set is not here."""
    try:
        data = caches.load_data_set(record.config.data_id)
    except DataSetError:
        return ""
    train, validation, test = (len(data.indices(split)) for split in SPLITS)
    return (
        f"Of {len(data.records):,} images, it learned from {train:,}; {validation:,} chose the "
        f"best epoch (validation), {test:,} tested it."
    )


def explain_score(result: TestResult) -> None:
    """Say, folded, how the score was measured."""
    with st.expander("Why believe this score?", icon=":material/help:"):
        figures = st.columns(2)
        figures[0].metric(
            "Always the same class",
            f"{result.majority_accuracy:.1%}",
            help=f"What saying “{escape_markdown(result.majority_class)}” every time would reach: "
            "no class had more training images.",
        )
        figures[1].metric(
            "All classes alike (macro F1)",
            f"{result.macro_f1:.2f}",
            help="Between 0 and 1. A class has a high F1 if most of its images are found and few "
            "others are taken for it; this is the mean over the classes, so that a rare class "
            "counts as much as a common one.",
        )
        if result.validation_accuracy is not None:
            st.caption(
                f"On the validation images, the same weights are right on "
                f"{result.validation_accuracy:.1%}. The {result.images:,} test images were used "
                "once, after training."
            )


def _show_score(result: TestResult) -> None:
    """Draw the accuracy and its interval."""
    figures = st.columns(2)
    figures[0].metric("Test accuracy", f"{result.accuracy:.1%}")
    figures[1].metric(
        "95 % interval",
        f"{result.low:.0%} – {result.high:.0%}",
        help="Where the accuracy on very many images of this kind would lie, by Wilson's method.",
    )


def _offer_trying(record: RunRecord) -> None:
    """Draw the button that leads on: to the trained network itself."""
    if st.button("Try it", type="primary", icon=":material/camera:", key="results_try"):
        query = {"run": record.id, "data": record.config.data_id}
        st.switch_page("pages/try_it.py", query_params=query)
