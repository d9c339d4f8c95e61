"""The evidence for the estimate: reasons, warnings and figures."""

from pathlib import Path

import streamlit as st

from pages.shared.layout import escape_markdown, show_figure
from transfer_core.cases import SizeJudgement
from transfer_core.figures import (
    describe_learning_curve,
    describe_reference_distances,
    describe_reliability_diagram,
    describe_stage_accuracy,
    plot_learning_curve,
    plot_reference_distances,
    plot_reliability_diagram,
    plot_stage_accuracy,
)
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import (
    SimilarityEstimate,
    explain_what_would_change,
    load_calibration,
)

LESSONS = Path(__file__).parents[2] / "lessons"


def show_reasons(source: SourceNetwork, estimate: SimilarityEstimate, size: SizeJudgement) -> None:
    """List warnings and reasons, and what would change the advice."""
    for warning in estimate.warnings:
        st.warning(escape_markdown(warning), icon=":material/warning:")
    for reason in estimate.reasons:
        st.markdown(f"- {escape_markdown(reason)}")
    with st.expander("What would change this advice", icon=":material/swap_horiz:"):
        for change in explain_what_would_change(estimate, size, source):
            st.markdown(f"- {escape_markdown(change)}")


def show_evidence(source: SourceNetwork, estimate: SimilarityEstimate, keep_through: str) -> None:
    """Draw every figure that the network and the images have, two in a row."""
    st.header("What the estimate rests on", anchor=False)
    with st.expander("What these words mean", icon=":material/help:"):
        st.markdown((LESSONS / "evidence.md").read_text(encoding="utf-8"))
    evidence, calibration = estimate.evidence, load_calibration(source)
    figures = [
        ("stages", plot_stage_accuracy(evidence, keep_through), describe_stage_accuracy(evidence))
    ]
    if estimate.reference_distances:
        description = describe_reference_distances(estimate)
        figures.append(("distances", plot_reference_distances(estimate), description))
    if calibration.reliability:
        bins = calibration.reliability
        figure, description = plot_reliability_diagram(bins), describe_reliability_diagram(bins)
        figures.append(("reliability", figure, description))
    if curve := evidence.learning_curve:
        figures.append(("curve", plot_learning_curve(curve), describe_learning_curve(curve)))
    places = [*st.columns(2), *st.columns(2)]
    for place, (name, figure, description) in zip(places, figures, strict=False):
        with place:
            show_figure(figure, description, key=f"decide_{name}")
