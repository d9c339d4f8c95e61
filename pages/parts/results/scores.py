"""Scores of a run: the confusion matrix with its images, and each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.results.case_one_comparison import show_comparison
from pages.parts.results.test_images import show_test_images
from pages.shared import caches, session
from pages.shared.layout import disable_taps, escape_markdown, show_errors, show_figure
from transfer_core.figures import describe_confusion_matrix, plot_confusion_matrix
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.runs import RunRecord
    from transfer_core.training import ClassMetrics

MATRIX_KEY, ACTUAL_KEY, PREDICTED_KEY = "results_confusion", "results_actual", "results_predicted"
METRIC_HELP = {
    "precision": N_("Of the images that were taken for this class, how many are of it."),
    "recall": N_("Of the images of this class, how many were found."),
}


def show_scores(record: RunRecord) -> None:
    """Draw everything that follows from the counts of the test images."""
    result = record.result
    for warning in caches.describe_near_copies(record.config.data_id, record.config.network):
        st.warning(escape_markdown(warning), icon=":material/warning:")
    classes = [each.name for each in result.per_class]
    left, right = st.columns(2)
    with left:
        chosen = _show_matrix(result.confusion, classes)
    with right:
        _show_per_class(result.per_class)
        show_comparison(record)
    if not record.is_imported:
        _show_cell(record, classes, chosen)


def _show_matrix(confusion: list[list[int]], classes: list[str]) -> tuple[int, int]:
    """Draw the confusion matrix and two lists that choose a cell; returns the cell."""

    def choose() -> None:
        cell = session.get_clicked_point(MATRIX_KEY)
        if cell:
            session.set_widgets(**{ACTUAL_KEY: int(cell[0]), PREDICTED_KEY: int(cell[1])})

    place, below = st.container(), st.columns(2)
    first = _find_first_cell(confusion)
    with below[0]:
        actual = _choose_class(_("Actual class"), classes, first[0], ACTUAL_KEY)
    with below[1]:
        predicted = _choose_class(_("Predicted class"), classes, first[1], PREDICTED_KEY)
    with place:
        show_figure(
            plot_confusion_matrix(confusion, classes, (actual, predicted)),
            describe_confusion_matrix(confusion, classes),
            key=MATRIX_KEY,
            on_select=choose,
            selection_mode="points",
        )
        disable_taps(MATRIX_KEY)
    return actual, predicted


def _choose_class(label: str, classes: list[str], index: int, key: str) -> int:
    return st.selectbox(
        label,
        range(len(classes)),
        index=index,
        format_func=classes.__getitem__,
        key=key,
        help=_("Choose a cell here, or click it in the matrix; its images are shown below."),
    )


def _find_first_cell(confusion: Sequence[Sequence[int]]) -> tuple[int, int]:
    """The cell with most mistakes; if there are none, with most images."""
    counts = {(a, p): count for a, row in enumerate(confusion) for p, count in enumerate(row)}
    mistakes = {cell: count for cell, count in counts.items() if count and cell[0] != cell[1]}
    return max(mistakes or counts, key=counts.get)


def _show_cell(record: RunRecord, classes: list[str], chosen: tuple[int, int]) -> None:
    from transfer_core.inspection import find_in_confusion_cell

    actual, predicted = (classes[number] for number in chosen)
    if actual == predicted:
        title = _("Test images: {actual}, found", actual=actual)
    else:
        title = _(
            "Test images: {actual}, taken for {predicted}", actual=actual, predicted=predicted
        )
    st.subheader(escape_markdown(title), anchor=False)
    with show_errors():
        answers = caches.load_test_predictions(record.id)
        data = caches.load_data_set(record.config.data_id)
    positions = find_in_confusion_cell(answers, *chosen)
    if not len(positions):
        st.caption(_("No test image is in this cell."))
        return
    show_test_images(data, answers, positions, key="results_cell")


def _show_per_class(scores: Sequence[ClassMetrics]) -> None:
    st.markdown(_("**Each class**"))
    st.dataframe(
        [
            {
                "name": score.name,
                "precision": 100 * score.precision,
                "recall": 100 * score.recall,
                "support": score.support,
            }
            for score in scores
        ],
        hide_index=True,
        width="stretch",
        height=min(300, 38 + 35 * len(scores)),
        column_config={
            "name": _("class"),
            "precision": _make_percent_column(_("precision (%)"), "precision"),
            "recall": _make_percent_column(_("recall (%)"), "recall"),
            "support": _("test images"),
        },
    )


def _make_percent_column(label: str, metric: str):
    return st.column_config.NumberColumn(label, format="%.1f", help=_(METRIC_HELP[metric]))
