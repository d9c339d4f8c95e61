"""Scores of a run: the confusion matrix with its images, each class, and simpler ways beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import disable_taps, escape_markdown, show_errors, show_figure
from pages.shared.results_images import show_test_images
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.figures.accuracies import describe_accuracies, plot_accuracies
from transfer_core.figures.confusion import describe_confusion_matrix, plot_confusion_matrix

if TYPE_CHECKING:
    from transfer_core.runs.store.records import RunRecord
    from transfer_core.training.result import ClassMetrics

MATRIX_KEY, ACTUAL_KEY, PREDICTED_KEY = "results_confusion", "results_actual", "results_predicted"
METRIC_HELP = {
    "precision (%)": "Of the images that were taken for this class, how many are of it.",
    "recall (%)": "Of the images of this class, how many were found.",
}


def show_scores(record: RunRecord) -> None:
    """Everything that the counts of the test images say."""
    result = record.result
    classes = [each.name for each in result.per_class]
    left, right = st.columns(2)
    with left:
        chosen = _show_matrix(result.confusion, classes)
    with right:
        _show_per_class(result.per_class)
        show_comparison(record)
    if not record.is_imported:
        _show_cell(record, classes, chosen)


def _show_matrix(confusion: Sequence[Sequence[int]], classes: list[str]) -> tuple[int, int]:
    """The confusion matrix, and lists beside it that choose a cell too; returns the cell."""

    def choose() -> None:
        cell = session.get_clicked_point(MATRIX_KEY)
        if cell:
            session.set_widgets(**{ACTUAL_KEY: int(cell[0]), PREDICTED_KEY: int(cell[1])})

    place, below = st.container(), st.columns(2)
    numbers = range(len(classes))
    first = _find_commonest_mistake(confusion)
    actual, predicted = (
        column.selectbox(
            label,
            numbers,
            index=first[axis],
            format_func=classes.__getitem__,
            key=key,
            help="Choose a cell here, or click it in the matrix; its images are shown below.",
        )
        for axis, (column, label, key) in enumerate(
            zip(
                below, ("Actual class", "Predicted class"), (ACTUAL_KEY, PREDICTED_KEY), strict=True
            )
        )
    )
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


def _find_commonest_mistake(confusion: Sequence[Sequence[int]]) -> tuple[int, int]:
    """The cell with most mistakes; the first one where there are none."""
    cells = [(a, p) for a in range(len(confusion)) for p in range(len(confusion)) if a != p]
    return max(cells, key=lambda cell: confusion[cell[0]][cell[1]])


def _show_cell(record: RunRecord, classes: list[str], chosen: tuple[int, int]) -> None:
    from transfer_core.inspection.mistakes import find_in_confusion_cell

    actual, predicted = (classes[number] for number in chosen)
    what = "found" if actual == predicted else f"taken for {predicted}"
    st.subheader(escape_markdown(f"Test images: {actual}, {what}"), anchor=False)
    with show_errors():
        answers = caches.load_test_predictions(record.id)
        data = caches.load_data_set(record.config.data_id)
    positions = find_in_confusion_cell(answers, *chosen)
    if not len(positions):
        st.caption("No test image is in this cell.")
        return
    show_test_images(data, answers, positions, key="results_cell")


def _show_per_class(scores: Sequence[ClassMetrics]) -> None:
    st.markdown("**Each class**")
    st.dataframe(
        [
            {
                "class": score.name,
                "precision (%)": 100 * score.precision,
                "recall (%)": 100 * score.recall,
                "test images": score.support,
            }
            for score in scores
        ],
        hide_index=True,
        width="stretch",
        height=min(300, 38 + 35 * len(scores)),
        column_config={
            name: st.column_config.NumberColumn(format="%.1f", help=meaning)
            for name, meaning in METRIC_HELP.items()
        },
    )


def show_comparison(record: RunRecord) -> None:
    """The run beside case 1 and beside always guessing the largest class."""
    result, simple = record.result, record.config.strategy.case == TransferCase.SMALL_SIMILAR
    other = None if simple or record.is_imported else _find_case_one(record)
    rows = [(record.name, result.accuracy, result.low, result.high)]
    if other and other.result:
        name = "case 1" if other.name == record.name else other.name
        rows.append((name, *(other.result.accuracy, other.result.low, other.result.high)))
    show_figure(
        plot_accuracies(rows, result.majority_accuracy),
        describe_accuracies(rows, result.majority_accuracy),
        key="results_accuracies",
    )
    if simple:
        st.caption("This run is case 1 itself: the simplest transfer, that others must beat.")
    elif record.is_imported:
        return
    elif other is None:
        _offer_case_one(record)
    elif other.result:
        with show_errors():
            paired = caches.compare_pair(record.id, other.id)
        words = paired.sentence("this run", "case 1")
        st.write(escape_markdown(words[:1].upper() + words[1:]))
    else:
        st.page_link(
            "pages/train.py",
            label="Case 1 is being trained: watch it",
            icon=":material/show_chart:",
            query_params={"run": other.id},
        )


def _find_case_one(record: RunRecord) -> RunRecord | None:
    """The newest case 1 on the same images and network, that is finished or may yet be."""

    def get_setting(run: RunRecord) -> tuple:
        return run.config.data_id, run.config.network, run.config.input_size

    alike = (
        run
        for run in caches.engine().list_runs()
        if get_setting(run) == get_setting(record)
        and not run.is_imported
        and run.config.strategy.case == TransferCase.SMALL_SIMILAR
        and (run.result or not run.state.is_final)
    )
    return min(alike, key=lambda run: run.result is None, default=None)


def _offer_case_one(record: RunRecord) -> None:
    st.caption("What did training more than the new layer gain? Case 1 tells, usually in seconds.")
    if not st.button("Train case 1, to compare", icon=":material/science:", key="results_case_1"):
        return
    with show_errors():
        from transfer_core.runs.launch import launch

        data, source = caches.load_data_set(record.config.data_id), record.config.source()
        case = TransferCase.SMALL_SIMILAR
        strategy = replace(
            plan_strategy(case, source.stage_names),
            class_weights=record.config.strategy.class_weights,
        )
        launch(
            caches.engine(),
            data,
            source,
            strategy,
            record.config.seed,
            owner=session.workspace().owner,
            key=f"case 1 beside {record.id}",
        )
    st.rerun()
