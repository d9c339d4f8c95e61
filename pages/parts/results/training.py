"""The training of a run: diagnosis in plain words, and learning curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches
from pages.shared.layout import escape_markdown, show_figure
from pages.shared.training_figures import show_curves
from transfer_core.figures import describe_calibration_curve, plot_calibration_curve
from transfer_core.languages import _, ngettext

if TYPE_CHECKING:
    from transfer_core.inspection import TestPredictions
    from transfer_core.runs import RunRecord

FINDING_STYLES = {
    "good": (st.success, ":material/check_circle:"),
    "warning": (st.warning, ":material/warning:"),
    "unsure": (st.info, ":material/help:"),
}


def show_training(record: RunRecord) -> None:
    """Draw how well it fits, what else was found as titles to unfold, and the learning curves."""
    from transfer_core.inspection import build_training_history, diagnose

    events = caches.get_run_log(record.id).events()
    history = build_training_history(events, record.config)
    st.subheader(_("Training against validation and test"), anchor=False)
    if history is None:
        st.caption(_("No epoch ended, so there is nothing to compare."))
    else:
        fit, *others = diagnose(history, record.config, record.result)
        box, icon = FINDING_STYLES[fit.kind]
        box(f"**{escape_markdown(fit.title)}.** {escape_markdown(fit.words)}", icon=icon)
        for place, finding in zip(st.columns(max(1, len(others))), others, strict=False):
            icon = FINDING_STYLES[finding.kind][1]
            with place.expander(escape_markdown(finding.title), icon=icon):
                st.markdown(escape_markdown(finding.words))
    left_out = _describe_leaks(record)
    if left_out:
        st.caption(left_out)
    st.subheader(_("Learning curves of the whole run"), anchor=False)
    show_curves(record, events)


def _describe_leaks(record: RunRecord) -> str:
    """Say that copies across the split were left out; "" if there were none."""
    from transfer_core.errors import DataSetError

    try:
        problems = caches.load_data_set(record.config.data_id).problems
    except DataSetError:  # removed meanwhile; the run is read without it
        return ""
    copies = sum(problem.kind == "leak" for problem in problems)
    if not copies:
        return ""
    return ngettext(
        "{n:,} copy of an image in another part of the split was found when the images were read, "
        "and left out: it cannot have leaked.",
        "{n:,} copies of images in another part of the split were found when the images were "
        "read, and left out: they cannot have leaked.",
        copies,
    )


def show_calibration(answers: TestPredictions) -> None:
    """Draw the calibration curve: accuracy against confidence."""
    from transfer_core.inspection import measure_calibration

    calibration = measure_calibration(answers)
    st.write(calibration.describe())
    show_figure(
        plot_calibration_curve(calibration),
        describe_calibration_curve(calibration),
        key="results_confidence",
    )
    st.caption(
        _(
            "Points below the dashed line: surer than right. The bars below count the test images "
            "behind each point; where there are few, the interval is wide and a point off the line "
            "says little."
        )
    )
