"""The two questions, each with the answer that was chosen or estimated."""

import streamlit as st

from pages.shared import session
from pages.shared.choice import resolve_choice
from pages.shared.layout import escape_markdown
from pages.shared.workspace import DIVIDING_LINES
from transfer_core.cases import DEFAULT_LINE, SizeJudgement
from transfer_core.dataset import DataSet
from transfer_core.figures import describe_count_range
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import (
    DECISION_THRESHOLD,
    SimilarityEstimate,
    count_images_to_learn_from,
    describe_similarity,
    load_calibration,
)

ANSWER_LABELS = {
    "estimate": "Let the network estimate it",
    "similar": "Similar: I know better",
    "different": "Different: I know better",
}


def ask_size(data: DataSet, source: SourceNetwork, estimate: SimilarityEstimate) -> SizeJudgement:
    """Ask where the dividing line is; returns the answer that follows from it."""
    st.subheader("1. Small or large?", anchor=False)
    line = st.select_slider(
        "The dividing line, in images to learn from",
        DIVIDING_LINES,
        value=session.get_workspace().line or DEFAULT_LINE,
        format_func=lambda images: f"{images:,}",
        key="decide_line",
        help="Below it a data set is small.",
    )
    session.change(line=None if line == DEFAULT_LINE else line)
    if line != DEFAULT_LINE:
        st.button(
            f"Back to {DEFAULT_LINE:,} images",
            icon=":material/undo:",
            key="decide_line_back",
            on_click=session.set_widgets,
            kwargs={"decide_line": DEFAULT_LINE},
        )
    size = resolve_choice(data, source, estimate).size
    st.subheader(size.answer.capitalize(), anchor=False)
    _show_size(data, size)
    return size


def _show_size(data: DataSet, size: SizeJudgement) -> None:
    in_each_class = describe_count_range(count_images_to_learn_from(data))
    st.write(
        f"{size.images:,} images to learn from, {in_each_class} in each class; the line is at "
        f"{size.line:,}."
    )
    if size.is_close:
        st.write("That is close to the line: the other answer is nearly as good.")
    st.caption("Training and validation images count, test images do not.")


def ask_similarity(
    source: SourceNetwork, estimate: SimilarityEstimate, size: SizeJudgement
) -> str | None:
    """Ask whether the data are similar; returns the person's answer, None for the estimate."""
    st.subheader("2. Similar or different?", anchor=False)
    answer = st.radio(
        "Does your data look like what the network was trained on?",
        list(ANSWER_LABELS),
        index=list(ANSWER_LABELS).index(session.get_workspace().answer),
        format_func=ANSWER_LABELS.get,
        key="decide_answer",
        help="Similar means: the network's higher-level features carry over to your images.",
    )
    session.change(answer=answer)
    verdict, told = estimate, describe_similarity(estimate)
    heading = told if answer == "estimate" else answer
    st.subheader(escape_markdown(heading.capitalize()), anchor=False)
    st.write(
        f"The network's estimate: {told}. Probability of "
        f"similar {verdict.probability:.0%} (80 % interval {verdict.low:.0%} to "
        f"{verdict.high:.0%}), from {estimate.evidence.images:,} images outside the test split. "
        "Similar means: a new layer on the top does as well as one further down, and pre-training "
        "helps."
    )
    _show_track_record(source)
    if answer not in ("estimate", verdict.answer):
        st.caption("Your answer is used. The estimate stays beside it, to compare afterwards.")
    return None if answer == "estimate" else answer


def _show_track_record(source: SourceNetwork) -> None:
    """Say how often answers of this network's estimate were right."""
    calibration = load_calibration(source)
    if not calibration.reliability:
        return
    right, stated = calibration.record(DECISION_THRESHOLD)
    st.caption(
        f"How good is it? {sum(bin.count for bin in calibration.reliability)} answers were "
        f"checked, on {calibration.image_sets} image sets, some drawn twice, "
        f"each judged without having seen its kind. Those at least {DECISION_THRESHOLD:.0%} sure "
        f"were right {right} of {stated} times."
    )
