"""The decision diagram, the choice of a case, and what is left to choose in cases 2 and 4."""

import streamlit as st

from pages.shared import session
from pages.shared.choice import Choice
from pages.shared.layout import disable_taps, show_figure
from transfer_core.cases import TransferCase
from transfer_core.figures import describe_decision, plot_decision_diagram
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import SimilarityEstimate, load_calibration

DIAGRAM_KEY_PREFIX = "decide_diagram"
INITIALISE_LABELS = {"random": "Random", "pretrained": "Pre-trained, as in case 3"}


def choose_case(choice: Choice, estimate: SimilarityEstimate, own_answer: str | None) -> None:
    """Draw the diagram and the list of cases; a click in either chooses a case."""
    size, advised, case = choice.size, choice.advised, choice.case
    # A new widget after every choice: a click while the page still runs would leave the old
    # selection, and the case would be chosen again.
    count = session.get_workspace().case_choices
    verdict, key = estimate, f"{case}_{advised}_{size.line}_{count}"
    event = show_figure(
        plot_decision_diagram(size, verdict, advised, case),
        describe_decision(size, verdict, advised, case, own_answer),
        key=f"{DIAGRAM_KEY_PREFIX}_{key}",
        on_select="rerun",
        selection_mode="points",
    )
    disable_taps(DIAGRAM_KEY_PREFIX)
    clicked = [p["customdata"] for p in event.selection.points if p.get("customdata")]
    if clicked:
        number = clicked[0][0] if isinstance(clicked[0], list) else clicked[0]
        _take_case(TransferCase(number), advised)
    suffix = " (by your answer)" if own_answer else " (advised)"
    chosen = st.segmented_control(
        "Choose a case, here or in the diagram",
        list(TransferCase),
        default=case,
        required=True,
        format_func=lambda each: each.title + (suffix if each == advised else ""),
        key=f"decide_case_{key}",
    )
    if case != advised and st.button(
        "Back to the advice", icon=":material/undo:", key="decide_back"
    ):
        _take_case(advised, advised)
    if chosen != case:
        _take_case(chosen, advised)


def _take_case(case: TransferCase, advised: TransferCase) -> None:
    count = session.get_workspace().case_choices + 1
    session.change(case=None if case == advised else case, case_choices=count)
    st.rerun()


def choose_cut(estimate: SimilarityEstimate) -> None:
    """Let the last kept stage of case 2 be chosen."""
    best = estimate.evidence.best_cut
    titles = {
        stage.stage: f"{stage.title}, probe {stage.accuracy:.0%}"
        + (" (best of the early layers)" if stage.stage == best else "")
        for stage in estimate.evidence.stages
    }
    cut = st.selectbox(
        "Keep the layers through",
        list(titles),
        index=list(titles).index(session.get_workspace().cut or best),
        key="decide_cut",
        format_func=titles.get,
        help="The deepest early stage whose probe is not worse than the best one's.",
    )
    session.change(cut=None if cut == best else cut)


def choose_initial_weights(source: SourceNetwork) -> None:
    """Let the initial weights of case 4 be chosen."""
    initialise = st.radio(
        "Initial weights",
        list(INITIALISE_LABELS),
        index=list(INITIALISE_LABELS).index(session.get_workspace().initialise),
        format_func=INITIALISE_LABELS.get,
        horizontal=True,
        key="decide_initialise",
        help="Both are worth comparing. " + _describe_start_comparison(source),
    )
    session.change(initialise=initialise)


def _describe_start_comparison(source: SourceNetwork) -> str:
    """Say how often pre-trained weights were as good a start as random ones."""
    measured = load_calibration(source).measured
    if not measured:
        return "For this network it was not measured which start is better."
    good = sum(each.tuned >= each.random - 0.01 for each in measured)
    return (
        f"On {good} of the {len(measured)} image sets measured, pre-trained weights ended within "
        "a point of random ones or better."
    )
