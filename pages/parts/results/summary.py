"""The result of a run in four numbers and a sentence, and what must be known beside it."""

import streamlit as st

from pages.parts.results.expectation import show_expectation
from pages.shared import caches
from pages.shared.case_one import show_if_below_case_one, show_if_head_was_kept
from pages.shared.layout import escape_markdown
from transfer_core.runs import RunRecord
from transfer_core.training import TestResult


def show_summary(record: RunRecord, result: TestResult) -> None:
    """Draw the four numbers, the result in words, and what must be known beside it."""
    _show_metrics(result)
    st.markdown(escape_markdown(result.sentence))
    show_expectation(record)
    show_if_head_was_kept(record)
    show_if_below_case_one(record)
    for warning in caches.describe_repairs(record.config.data_id):
        st.warning(escape_markdown(warning), icon=":material/healing:")
    if result.validation_accuracy is not None:
        st.caption(
            f"Validation accuracy of the same weights: {result.validation_accuracy:.1%}. "
            f"Validation images chose the best epoch; the {result.images:,} test images were "
            "used once, after training."
        )


def _show_metrics(result: TestResult) -> None:
    """Draw accuracy, its interval, the simplest guess and the macro F1 score."""
    figures = st.columns(4)
    figures[0].metric("Test accuracy", f"{result.accuracy:.1%}")
    figures[1].metric(
        "95 % interval",
        f"{result.low:.0%} – {result.high:.0%}",
        help="Where the accuracy on very many images of this kind would lie, by Wilson's method.",
    )
    figures[2].metric(
        "Always the largest class",
        f"{result.majority_accuracy:.1%}",
        help="What guessing the largest training class every time would reach.",
    )
    figures[3].metric(
        "Macro F1",
        f"{result.macro_f1:.2f}",
        help="Between 0 and 1. A class has a high F1 if most of its images are found and few "
        "others are taken for it; this is the mean over the classes.",
    )
