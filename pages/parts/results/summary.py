"""The result of a run: its score, its network, and what must be known beside it."""

import streamlit as st

from pages.parts.results.expectation import show_expectation
from pages.shared import caches, session
from pages.shared.case_one import show_if_below_case_one, show_if_head_was_kept
from pages.shared.layout import describe_split, escape_markdown, show_errors
from pages.shared.result_words import describe_interval, describe_result
from pages.shared.training_figures import show_run_network
from transfer_core.errors import DataSetError
from transfer_core.languages import _
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
        show_run_network(record, caches.read_events(record))
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
    return describe_split(data)


def explain_score(result: TestResult) -> None:
    """Say, folded, how the score was measured."""
    with st.expander(_("Why believe this score?"), icon=":material/help:"):
        figures = st.columns(2)
        figures[0].metric(
            _("Always the same class"),
            _("{share:.1%}", share=result.majority_accuracy),
            help=_(
                "What saying “{name}” every time would reach: no class had more training images.",
                name=escape_markdown(result.majority_class),
            ),
        )
        figures[1].metric(
            _("All classes alike (macro F1)"),
            _("{share:.2f}", share=result.macro_f1),
            help=_(
                "Between 0 and 1. A class has a high F1 if most of its images are found and few "
                "others are taken for it; this is the mean over the classes, so that a rare class "
                "counts as much as a common one."
            ),
        )
        if result.validation_accuracy is not None:
            st.caption(
                _(
                    "On the validation images, the same weights are right on {share:.1%}. The "
                    "{images:,} test images were used once, after training.",
                    share=result.validation_accuracy,
                    images=result.images,
                )
            )


def _show_score(result: TestResult) -> None:
    """Draw the accuracy and its interval."""
    figures = st.columns(2)
    figures[0].metric(_("Test accuracy"), _("{share:.1%}", share=result.accuracy))
    figures[1].metric(
        _("95 % interval"),
        describe_interval(result.low, result.high),
        help=_(
            "Where the accuracy on very many images of this kind would lie, by Wilson's method."
        ),
    )


def _offer_trying(record: RunRecord) -> None:
    """Draw the button that leads on: to the trained network itself."""
    if st.button(_("Try it"), type="primary", icon=":material/camera:", key="results_try"):
        query = session.make_query(run=record.id, data=record.config.data_id)
        st.switch_page("pages/try_it.py", query_params=query)
