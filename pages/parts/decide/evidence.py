"""What was measured: warnings, figures, and the words explained."""

import streamlit as st

from pages.shared import caches
from pages.shared.choice import Choice
from pages.shared.layout import escape_markdown, show_errors, show_figure
from pages.shared.lesson_files import find_lesson_file
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
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import SimilarityEstimate, load_calibration


def show_warnings(estimate: SimilarityEstimate) -> None:
    """Say what makes the measurements doubtful."""
    for warning in estimate.warnings:
        st.warning(escape_markdown(warning), icon=":material/warning:")


def show_measurements(source: SourceNetwork, estimate: SimilarityEstimate, choice: Choice) -> None:
    """Draw every figure that the network and the images have, two in a row."""
    evidence, calibration = estimate.evidence, load_calibration(source)
    cut = choice.strategy.keep_through
    figures = [("stages", plot_stage_accuracy(evidence, cut), describe_stage_accuracy(evidence))]
    if estimate.reference_distances:
        description = describe_reference_distances(estimate)
        figures.append(("distances", plot_reference_distances(estimate), description))
    if calibration.reliability:
        bins = calibration.reliability
        figure, description = plot_reliability_diagram(bins), describe_reliability_diagram(bins)
        figures.append(("reliability", figure, description))
    if curve := evidence.learning_curve:
        figures.append(("curve", plot_learning_curve(curve), describe_learning_curve(curve)))
    with st.expander(_("Why these numbers? What was measured"), icon=":material/query_stats:"):
        _show_track_record(source)
        places = [*st.columns(2), *st.columns(2)]
        for place, (name, figure, description) in zip(places, figures, strict=False):
            with place:
                show_figure(figure, description, key=f"decide_{name}")


def _show_track_record(source: SourceNetwork) -> None:
    """Say how often results on this computer lay where they were expected."""
    from transfer_core.runs import load_track_records

    with show_errors():
        records = load_track_records(caches.get_engine().store)
    for record in records:
        if record.network == source.name:
            told = record.describe_accuracies()
            st.markdown(_("**Held to account**: {told}, on this computer.", told=told))


def explain_words() -> None:
    """Explain the words of both voices."""
    with st.expander(_("What these words mean"), icon=":material/help:"):
        for name in ("options.md", "evidence.md"):
            st.markdown(find_lesson_file(name).read_text(encoding="utf-8"))
