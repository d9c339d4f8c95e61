"""How a run's training went: the reading in plain words, the curves, what moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches
from pages.shared.layout import explained, literal
from pages.shared.live_run import show_curves, show_proof
from transfer_core.figures.confidence import confidence_diagram, describe_confidence
from transfer_core.runs.store.records import how_it_ended

if TYPE_CHECKING:
    from transfer_core.inspection.prediction import TestAnswers
    from transfer_core.runs.store.records import RunRecord

LOOKS = {
    "good": (st.success, ":material/check_circle:"),
    "warning": (st.warning, ":material/warning:"),
    "unsure": (st.info, ":material/help:"),
}


def show_training(record: RunRecord) -> None:
    """Training against validation and test, the curves, and the layers' changes."""
    from transfer_core.inspection.diagnosis import course, read

    events = caches.run_log(record.id).events()
    went = course(events)
    st.subheader("Training against validation and test", anchor=False)
    if went is None:
        st.caption("No epoch ended, so there is nothing to compare.")
    else:
        for finding in read(went, record.config.strategy, record.result):
            box, icon = LOOKS[finding.kind]
            box(f"**{literal(finding.title)}.** {literal(finding.words)}", icon=icon)
    left_out = _leaks(record)
    if left_out:
        st.caption(left_out)
    st.subheader("Learning curves of the whole run", anchor=False)
    show_curves(record.id)
    st.subheader("What moved, and what stayed frozen", anchor=False)
    if ended := how_it_ended(events):
        show_proof(record, ended)


def _leaks(record: RunRecord) -> str:
    """That copies across the split were left out; "" where there were none."""
    from transfer_core.errors import DataSetError

    try:
        problems = caches.data_set(record.config.data_id).problems
    except DataSetError:  # removed meanwhile; the run is read without it
        return ""
    copies = sum(problem.kind == "leak" for problem in problems)
    if not copies:
        return ""
    return (
        f"{copies:,} copies of images in another part of the split were found when the images were "
        "read, and left out: they cannot have leaked."
    )


def show_confidence(answers: TestAnswers) -> None:
    """Whether the network is as sure as it is right."""
    from transfer_core.inspection.calibration import check_confidence

    found = check_confidence(answers)
    st.write(found.sentence())
    explained(confidence_diagram(found), describe_confidence(found), key="results_confidence")
    st.caption(
        "Points below the dashed line: surer than right. The bars below count the test images "
        "behind each point; where there are few, the interval is wide and a point off the line "
        "says little."
    )
