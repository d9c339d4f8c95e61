"""The test images that a run got wrong, as cards to relabel or to set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from pages.parts.repair.image_cards import make_grid, paginate, show_card
from pages.shared import caches
from pages.shared.layout import escape_markdown, show_problem
from transfer_core.dataset import DataSet
from transfer_core.errors import RunError
from transfer_core.languages import _, ngettext
from transfer_core.runs import RunRecord

if TYPE_CHECKING:
    from transfer_core.inspection import TestPredictions


def show_mistakes(record: RunRecord, data: DataSet) -> None:
    """Draw the mistakes of a run, those with the highest confidence first."""
    try:
        answers = caches.load_test_predictions(record.id)
    except RunError as error:
        show_problem(error.problem, error.found, error.remedy)
        return
    mistakes = _find_mistakes(record, data, answers)
    if not mistakes:
        st.success(_("No mistake is left on the test images."), icon=":material/task_alt:")
        return
    st.caption(
        ngettext(
            "{n:,} test image that the network takes for another class.",
            "{n:,} test images that the network takes for another class, the surest first.",
            len(mistakes),
        )
        + " "
        + _(
            "Change only what is clearly wrong: correcting test images wherever the network "
            "disagrees, and only there, makes its accuracy look better than it is."
        )
    )
    shown = paginate(mistakes, "mistakes")
    for place, (index, label, confidence) in zip(make_grid(len(shown)), shown, strict=True):
        own, predicted = data.classes[data.records[index].label], data.classes[label]
        with place:
            caption = _(
                "**{own}**, taken for **{other}** ({share:.0%} sure)",
                own=escape_markdown(own),
                other=escape_markdown(predicted),
                share=confidence,
            )
            show_card(data, index, caption, suggested_class=predicted)


def _find_mistakes(
    record: RunRecord, data: DataSet, answers: TestPredictions
) -> list[tuple[int, int, float]]:
    """Index, predicted label and confidence of each mistake that was not relabelled since."""
    trained_on = caches.load_data_set(record.config.data_id)
    index_of = {each.path: index for index, each in enumerate(data.records)}
    confidence = answers.probabilities.max(1)
    wrong = np.flatnonzero(answers.predicted != answers.labels)
    return [
        (index_of[path], int(answers.predicted[i]), float(confidence[i]))
        for i in wrong[np.argsort(-confidence[wrong])]
        if (path := trained_on.records[answers.images[i]].path) in index_of
        and data.records[index_of[path]].label != answers.predicted[i]
    ]
