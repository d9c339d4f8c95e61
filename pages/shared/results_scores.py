"""Scores of a run: the confusion matrix with its images, each class, and simpler ways beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import clicked_by_mouse_only, explained, literal, shown_errors
from pages.shared.results_images import test_images
from transfer_core.cases import TransferCase, plan
from transfer_core.figures.accuracies import accuracies, describe_accuracies
from transfer_core.figures.confusion import confusion_matrix, describe_confusion

if TYPE_CHECKING:
    from transfer_core.runs.store.records import RunRecord

MATRIX, ACTUAL, PREDICTED = "results_confusion", "results_actual", "results_predicted"
MEANINGS = {
    "precision (%)": "Of the images that were taken for this class, how many are of it.",
    "recall (%)": "Of the images of this class, how many were found.",
}


def show_scores(record: RunRecord) -> None:
    """Everything that the counts of the test images say."""
    result = record.result
    classes = [score["name"] for score in result["per_class"]]
    left, right = st.columns(2)
    with left:
        chosen = _matrix(result["confusion"], classes)
    with right:
        _per_class(result["per_class"])
        show_comparison(record)
    if not record.imported:
        _cell(record, classes, chosen)


def _matrix(confusion: list[list[int]], classes: list[str]) -> tuple[int, int]:
    """The confusion matrix, and lists beside it that choose a cell too; returns the cell."""

    def choose() -> None:
        cell = session.clicked(MATRIX)
        if cell:
            session.fill(**{ACTUAL: int(cell[0]), PREDICTED: int(cell[1])})

    place, below = st.container(), st.columns(2)
    numbers = range(len(classes))
    first = _commonest(confusion)
    actual, predicted = (
        column.selectbox(
            label, numbers, index=first[axis], format_func=classes.__getitem__, key=key,
            help="Choose a cell here, or click it in the matrix; its images are shown below.",
        )
        for axis, (column, label, key) in enumerate(
            zip(below, ("Actual class", "Predicted class"), (ACTUAL, PREDICTED), strict=True)
        )
    )  # fmt: skip
    with place:
        explained(
            confusion_matrix(confusion, classes, (actual, predicted)),
            describe_confusion(confusion, classes), key=MATRIX,
            on_select=choose, selection_mode="points",
        )  # fmt: skip
        clicked_by_mouse_only(MATRIX)
    return actual, predicted


def _commonest(confusion: list[list[int]]) -> tuple[int, int]:
    """The cell with most mistakes; the first one where there are none."""
    cells = [(a, p) for a in range(len(confusion)) for p in range(len(confusion)) if a != p]
    return max(cells, key=lambda cell: confusion[cell[0]][cell[1]])


def _cell(record: RunRecord, classes: list[str], chosen: tuple[int, int]) -> None:
    from transfer_core.inspection.mistakes import in_cell

    actual, predicted = (classes[number] for number in chosen)
    what = "found" if actual == predicted else f"taken for {predicted}"
    st.subheader(literal(f"Test images: {actual}, {what}"), anchor=False)
    with shown_errors():
        answers = caches.test_answers(record.id)
        data = caches.data_set(record.config.data_id)
    positions = in_cell(answers, *chosen)
    if not len(positions):
        st.caption("No test image is in this cell.")
        return
    test_images(data, answers, positions, key="results_cell")


def _per_class(scores: list[dict]) -> None:
    st.markdown("**Each class**")
    st.dataframe(
        [
            {
                "class": score["name"],
                "precision (%)": 100 * score["precision"],
                "recall (%)": 100 * score["recall"],
                "test images": score["support"],
            }
            for score in scores
        ],
        hide_index=True, width="stretch", height=min(300, 38 + 35 * len(scores)),
        column_config={
            name: st.column_config.NumberColumn(format="%.1f", help=meaning)
            for name, meaning in MEANINGS.items()
        },
    )  # fmt: skip


def show_comparison(record: RunRecord) -> None:
    """The run beside case 1 and beside always guessing the largest class."""
    result, simple = record.result, record.config.strategy.case == TransferCase.SMALL_SIMILAR
    other = None if simple or record.imported else _case_one(record)
    rows = [(record.name, result["accuracy"], result["low"], result["high"])]
    if other and other.result:
        name = "case 1" if other.name == record.name else other.name
        rows.append((name, *(other.result[key] for key in ("accuracy", "low", "high"))))
    explained(
        accuracies(rows, result["majority_accuracy"]),
        describe_accuracies(rows, result["majority_accuracy"]), key="results_accuracies",
    )  # fmt: skip
    if simple:
        st.caption("This run is case 1 itself: the simplest transfer, that others must beat.")
    elif record.imported:
        return
    elif other is None:
        _offer_case_one(record)
    elif other.result:
        with shown_errors():
            paired = caches.paired(record.id, other.id)
        words = paired.sentence("this run", "case 1")
        st.write(literal(words[:1].upper() + words[1:]))
    else:
        st.page_link(
            "pages/train.py", label="Case 1 is being trained: watch it",
            icon=":material/show_chart:", query_params={"run": other.id},
        )  # fmt: skip


def _case_one(record: RunRecord) -> RunRecord | None:
    """The newest case 1 on the same images and network, that is finished or may yet be."""

    def setting(run: RunRecord) -> tuple:
        return run.config.data_id, run.config.network, run.config.input_size

    alike = (
        run
        for run in caches.engine().list_runs()
        if setting(run) == setting(record)
        and not run.imported
        and run.config.strategy.case == TransferCase.SMALL_SIMILAR
        and (run.result or not run.state.over)
    )
    return min(alike, key=lambda run: run.result is None, default=None)


def _offer_case_one(record: RunRecord) -> None:
    st.caption("What did training more than the new layer gain? Case 1 tells, usually in seconds.")
    if not st.button("Train case 1, to compare", icon=":material/science:", key="results_case_1"):
        return
    with shown_errors():
        from transfer_core.runs.perform import run_config

        data, source = caches.data_set(record.config.data_id), record.config.source()
        case = TransferCase.SMALL_SIMILAR
        strategy = replace(
            plan(case, source.stage_names), class_weights=record.config.strategy.class_weights
        )
        caches.engine().submit(
            run_config(data, source, strategy, record.config.seed),
            name=f"{data.name}, {case.title.lower()}", owner=session.workspace().owner,
            key=f"case 1 beside {record.id}",
        )  # fmt: skip
    st.rerun()
