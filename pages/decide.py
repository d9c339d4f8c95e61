"""Decide: both questions answered, the case advised, the choice the person's own."""

from pathlib import Path

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import (
    disable_taps,
    escape_markdown,
    offer_next_page,
    require_weights,
    show_errors,
    show_figure,
    show_page_title,
    show_progress,
    stop_unless,
)
from pages.shared.measuring import offer_measurement
from pages.shared.minutes import show_time_per_case
from pages.shared.strategy import resolve_choice
from transfer_core.cases import TransferCase
from transfer_core.figures.classes import describe_count_range
from transfer_core.figures.decision import describe_decision, plot_decision_diagram
from transfer_core.figures.network import describe_network, plot_network
from transfer_core.figures.reliability import describe_reliability_diagram, plot_reliability_diagram
from transfer_core.figures.similarity import (
    describe_learning_curve,
    describe_reference_distances,
    describe_stage_accuracy,
    plot_learning_curve,
    plot_reference_distances,
    plot_stage_accuracy,
)
from transfer_core.transferability.advice import (
    choose_similarity,
    describe_probability,
    explain_what_would_change_advice,
)
from transfer_core.transferability.calibration import load_calibration
from transfer_core.transferability.estimate import DECISION_THRESHOLD

LESSONS = Path(__file__).parent / "lessons"
ANSWER_LABELS = {
    "estimate": "Let the network estimate it",
    "similar": "Similar: I know better",
    "different": "Different: I know better",
}
DIAGRAM_KEY_PREFIX = "decide_diagram"  # how its keys begin
SIMILAR_MEANINGS = {
    "small": "Here similar means: a new layer on the top does as well as one further down.",
    "large": "Here similar means: pre-trained weights are a better start than random ones.",
}
INITIALISE_LABELS = {"random": "Random", "pretrained": "Pre-trained, as in case 3"}


def describe_dividing_line(line: int, measured) -> str:
    """Where the dividing line's default comes from."""
    if not measured:
        return (
            f"Below it a data set is small. For networks pre-trained on ImageNet {line:,} images "
            "is a rule of thumb; it was not measured with this one."
        )
    return (
        "Below it a data set is small. For images like yours, training everything began to win at "
        f"about {line:,} images: that is the default, measured with this network on "
        f"{len(measured)} image sets. Textbooks draw the line for large networks, at 2,000 to "
        "1,000,000 images."
    )


def describe_start_comparison(measured) -> str:
    """How often pre-trained weights were as good a start as random ones."""
    if not measured:
        return "For this network it was not measured which start is better."
    good = sum(each.tuned >= each.random - 0.01 for each in measured)
    return (
        f"On {good} of the {len(measured)} image sets measured, pre-trained weights ended within "
        "a point of random ones or better."
    )


show_page_title("Decide", "pages/decide.py")
data_id = session.get_current_id("data")
stop_unless(data_id, "Bring images in first.", "pages/data.py", "Go to Data")
with show_errors():
    data = caches.load_data_set(data_id)
    source = require_weights(session.source())
work, calibration = session.workspace(), load_calibration(source)
measured = calibration.measured
st.caption(
    f"{escape_markdown(data.name)}: {len(data.records):,} images, {len(data.classes)} classes; "
    f"from: {escape_markdown(source.title)}"
)
st.page_link("pages/networks.py", label="Choose another network", icon=":material/hub:")
with show_errors(), show_progress() as report:
    found = caches.estimate_similarity(data_id, source.name, report)

left, right = st.columns(2)
with left.container(border=True, height="stretch"):
    st.subheader("1. Small or large?", anchor=False)
    line = st.select_slider(
        "The dividing line, in images",
        sorted({*session.DIVIDING_LINES, found.line}),
        value=work.line or found.line,
        format_func=lambda images: f"{images:,}",
        key="decide_line",
        help=describe_dividing_line(found.line, measured),
    )
    session.change(line=None if line == found.line else line)
    if line != found.line:
        st.button(
            f"Back to {found.line:,} images",
            icon=":material/undo:",
            key="decide_line_back",
            on_click=session.set_widgets,
            kwargs={"decide_line": found.line},
        )
    size = resolve_choice(data, source, found).size
    st.subheader(size.answer.capitalize(), anchor=False)
    st.write(
        f"{size.images:,} images, {describe_count_range(data.counts())} in each class; the line is at "
        f"{size.line:,}"
        + (", as measured for data like yours." if measured and line == found.line else ".")
    )
    if measured:
        st.caption(
            "The more foreign the images are to the network, and the less its old classes respond "
            "to them, the fewer are enough to train everything."
        )
told = found.verdict(size.answer)
with right.container(border=True, height="stretch"):
    st.subheader("2. Similar or different?", anchor=False)
    answer = st.radio(
        "Does your data look like what the network was trained on?",
        list(ANSWER_LABELS),
        index=list(ANSWER_LABELS).index(work.answer),
        format_func=ANSWER_LABELS.get,
        key="decide_answer",
        help="Similar means: the network's higher-level features carry over to your images.",
    )
    session.change(answer=answer)
    heading = told.answer if answer == "estimate" else answer
    unsure = f", leaning to {choose_similarity(found, size)}" if heading == "can't tell" else ""
    st.subheader(escape_markdown(heading.capitalize() + unsure), anchor=False)
    st.write(
        f"The network's estimate: {describe_probability(told.probability)}. Probability of similar "
        f"{told.probability:.0%} (80 % "
        f"interval {told.low:.0%} to {told.high:.0%}), from {found.evidence.images:,} images "
        f"outside the test split. {SIMILAR_MEANINGS[size.answer]}"
    )
    if measured:
        right, stated = calibration.record(DECISION_THRESHOLD)
        st.caption(
            f"How good is it? {sum(bin.count for bin in calibration.reliability)} answers "
            f"were checked, both questions on {len(measured)} image sets, some drawn twice, each "
            f"judged without having seen its kind. Those at least {DECISION_THRESHOLD:.0%} sure were right "
            f"{right} of {stated} times."
        )
    if answer not in ("estimate", told.answer):
        st.caption("Your answer is used. The estimate stays beside it, to compare afterwards.")
for warning in found.warnings:
    st.warning(escape_markdown(warning), icon=":material/warning:")
for reason in found.reasons:
    st.markdown(f"- {escape_markdown(reason)}")
with st.expander("What would change this advice", icon=":material/swap_horiz:"):
    for change in explain_what_would_change_advice(found, size, source):
        st.markdown(f"- {escape_markdown(change)}")
offer_measurement(data, source, found, size)

choice = resolve_choice(data, source, found)
own = None if answer == "estimate" else answer
advised, case = choice.advised, choice.case
shown = f"{case}_{advised}_{line}"
event = show_figure(
    plot_decision_diagram(size, told, advised, case),
    describe_decision(size, told, advised, case, own),
    key=f"{DIAGRAM_KEY_PREFIX}_{shown}",
    on_select="rerun",
    selection_mode="points",
)
disable_taps(DIAGRAM_KEY_PREFIX)
points = [point for point in event.selection.points if point.get("customdata")]
if points:
    clicked = points[0]["customdata"]
    session.change(case=TransferCase(clicked[0] if isinstance(clicked, list) else clicked))
    st.rerun()
said = " (advised)" if answer == "estimate" else " (by your answer)"
taken = st.segmented_control(
    "Choose a case, here or in the diagram",
    list(TransferCase),
    default=case,
    required=True,
    format_func=lambda each: each.title + (said if each == advised else ""),
    key=f"decide_case_{shown}",
)
if case != advised and st.button("Back to the advice", icon=":material/undo:", key="decide_back"):
    session.change(case=None)
    st.rerun()
if taken != case:
    session.change(case=None if taken == advised else taken)
    st.rerun()
with show_errors():
    show_time_per_case(data, source, found)
if case == TransferCase.SMALL_DIFFERENT:
    best = found.evidence.best_cut
    titles = {
        stage.stage: f"{stage.title}, probe {stage.accuracy:.0%}"
        + (" (best of the early layers)" if stage.stage == best else "")
        for stage in found.evidence.stages
    }
    cut = st.selectbox(
        "Keep the layers through",
        list(titles),
        index=list(titles).index(work.cut or best),
        key="decide_cut",
        format_func=titles.get,
        help="The deepest early stage whose probe is not worse than the best one's.",
    )
    session.change(cut=None if cut == best else cut)
if case == TransferCase.LARGE_DIFFERENT:
    initialise = st.radio(
        "Initial weights",
        list(INITIALISE_LABELS),
        index=list(INITIALISE_LABELS).index(work.initialise),
        format_func=INITIALISE_LABELS.get,
        horizontal=True,
        key="decide_initialise",
        help="Both are worth comparing. " + describe_start_comparison(measured),
    )
    session.change(initialise=initialise)
session.write_choices_to_url()
strategy = resolve_choice(data, source, found).strategy
parts = caches.describe_layers(source.name, strategy, len(data.classes))
show_figure(plot_network(parts), describe_network(parts), key="decide_network", caption=False)
offer_next_page(f"Go on: train {case.title.lower()}", "pages/train.py", data=data_id, new="run")
st.header("What the estimate rests on", anchor=False)
with st.expander("What these words mean", icon=":material/help:"):
    st.markdown((LESSONS / "evidence.md").read_text(encoding="utf-8"))
places = iter([*st.columns(2), *st.columns(2)])
with next(places):
    show_figure(
        plot_stage_accuracy(found.evidence, strategy.keep_through),
        describe_stage_accuracy(found.evidence),
        key="decide_stages",
    )
if found.reference_distances:
    with next(places):
        show_figure(
            plot_reference_distances(found),
            describe_reference_distances(found),
            key="decide_ladder",
        )
if measured:
    with next(places):
        bins = calibration.reliability
        show_figure(
            plot_reliability_diagram(bins),
            describe_reliability_diagram(bins),
            key="decide_reliability",
        )
if found.evidence.learning_curve:
    curve = found.evidence.learning_curve
    with next(places):
        show_figure(plot_learning_curve(curve), describe_learning_curve(curve), key="decide_curve")
