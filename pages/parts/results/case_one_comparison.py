"""Accuracy of a run beside case 1 and beside always saying the same class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches
from pages.shared.case_one import find_case_one, offer_case_one
from pages.shared.layout import escape_markdown, show_errors, show_figure
from transfer_core.cases import TransferCase
from transfer_core.figures import describe_accuracies, plot_accuracies
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.runs import RunRecord


def show_comparison(record: RunRecord) -> None:
    """Draw the run beside case 1 and beside always saying the same class."""
    result = record.result
    is_case_one = record.config.strategy.textbook_case == TransferCase.SMALL_SIMILAR
    other = None if is_case_one or record.is_imported else find_case_one(record)
    rows = [(record.name, result.accuracy, result.low, result.high)]
    if other and other.result:
        name = _("case 1") if other.name == record.name else other.name
        rows.append((name, other.result.accuracy, other.result.low, other.result.high))
    show_figure(
        plot_accuracies(rows, result.majority_accuracy),
        describe_accuracies(rows, result.majority_accuracy),
        key="results_accuracies",
    )
    if is_case_one:
        st.caption(_("This run is case 1 itself: the simplest transfer, which others must beat."))
    elif not record.is_imported:
        _compare_with_case_one(record, other)


def _compare_with_case_one(record: RunRecord, other: RunRecord | None) -> None:
    if other and other.result:
        with show_errors():
            paired = caches.compare_pair(record.id, other.id)
        words = paired.describe(_("this run"), _("case 1"))
        st.write(escape_markdown(words[:1].upper() + words[1:]))
        return
    question = N_(
        "What did training more than the new layer gain? Case 1 tells, usually in seconds."
    )
    strategy = record.config.strategy
    if strategy.approach == "all stages":
        question = N_("What did reading all stages gain? Case 1 tells, usually in seconds.")
    elif strategy.case == TransferCase.SMALL_DIFFERENT:  # trains the new layer alone
        question = N_("What did cutting earlier gain? Case 1 tells, usually in seconds.")
    st.caption(_(question))
    offer_case_one(record, key="results_case_1")
