"""Decide: both questions answered, the case advised, the choice the person's own."""

from pathlib import Path

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import (
    clicked_by_mouse_only,
    explained,
    go_on,
    literal,
    page_title,
    progress,
    shown_errors,
    stop_unless,
    with_weights,
)
from pages.shared.measuring import measuring
from pages.shared.minutes import minutes_per_case
from pages.shared.strategy import current_choice
from transfer_core.cases import TransferCase
from transfer_core.figures.classes import in_each
from transfer_core.figures.decision import decision_diagram, describe_decision
from transfer_core.figures.network import describe_network, network_drawing
from transfer_core.figures.reliability import describe_reliability, reliability_diagram
from transfer_core.figures.similarity import (
    describe_ladder,
    describe_learning_curve,
    describe_stage_accuracy,
    ladder,
    learning_curve_figure,
    stage_accuracy,
)
from transfer_core.transferability.advice import in_words, leaning, what_would_change
from transfer_core.transferability.estimate import SURE

LESSONS = Path(__file__).parent / "lessons"
ANSWERS = {
    "estimate": "Let the network estimate it",
    "similar": "Similar: I know better",
    "different": "Different: I know better",
}
DIAGRAM = "decide_diagram"  # how its keys begin
MEANING = {
    "small": "Here similar means: a new layer on the top does as well as one further down.",
    "large": "Here similar means: pre-trained weights are a better start than random ones.",
}
WEIGHTS = {"random": "Random", "pretrained": "Pre-trained, as in case 3"}


def line_help(line: int, measured) -> str:
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


def starts(measured) -> str:
    """How often pre-trained weights were as good a start as random ones."""
    if not measured:
        return "For this network it was not measured which start is better."
    good = sum(each.tuned >= each.random - 0.01 for each in measured)
    return (
        f"On {good} of the {len(measured)} image sets measured, pre-trained weights ended within "
        "a point of random ones or better."
    )


page_title("Decide", "pages/decide.py")
data_id = session.current("data")
stop_unless(data_id, "Bring images in first.", "pages/data.py", "Go to Data")
with shown_errors():
    data = caches.data_set(data_id)
    source = with_weights(session.source())
work, measured = session.workspace(), source.calibration.measured
st.caption(
    f"{literal(data.name)}: {len(data.records):,} images, {len(data.classes)} classes; "
    f"from: {literal(source.title)}"
)
st.page_link("pages/networks.py", label="Choose another network", icon=":material/hub:")
with shown_errors(), progress() as report:
    found = caches.estimate(data_id, source.name, report)

left, right = st.columns(2)
with left.container(border=True, height="stretch"):
    st.subheader("1. Small or large?", anchor=False)
    line = st.select_slider(
        "The dividing line, in images", sorted({*session.LINES, found.line}),
        value=work.line or found.line, format_func=lambda images: f"{images:,}",
        key="decide_line", help=line_help(found.line, measured),
    )  # fmt: skip
    session.change(line=None if line == found.line else line)
    if line != found.line:
        st.button(
            f"Back to {found.line:,} images", icon=":material/undo:", key="decide_line_back",
            on_click=session.fill, kwargs={"decide_line": found.line},
        )  # fmt: skip
    size = current_choice(data, source, found).size
    st.subheader(size.answer.capitalize(), anchor=False)
    st.write(
        f"{size.images:,} images, {in_each(data.counts())} in each class; the line is at "
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
        "Does your data look like what the network was trained on?", list(ANSWERS),
        index=list(ANSWERS).index(work.answer), format_func=ANSWERS.get, key="decide_answer",
        help="Similar means: the network's higher-level features carry over to your images.",
    )  # fmt: skip
    session.change(answer=answer)
    heading = told.answer if answer == "estimate" else answer
    unsure = f", leaning to {leaning(found, size)}" if heading == "can't tell" else ""
    st.subheader(literal(heading.capitalize() + unsure), anchor=False)
    st.write(
        f"The network's estimate: {in_words(told.probability)}. Probability of similar "
        f"{told.probability:.0%} (80 % "
        f"interval {told.low:.0%} to {told.high:.0%}), from {found.readings.images:,} images "
        f"outside the test split. {MEANING[size.answer]}"
    )
    if measured:
        right, stated = source.calibration.record(SURE)
        st.caption(
            f"How good is it? {sum(bin.count for bin in source.calibration.reliability)} answers "
            f"were checked, both questions on {len(measured)} image sets, some drawn twice, each "
            f"judged without having seen its kind. Those at least {SURE:.0%} sure were right "
            f"{right} of {stated} times."
        )
    if answer not in ("estimate", told.answer):
        st.caption("Your answer is used. The estimate stays beside it, to compare afterwards.")
for warning in found.warnings:
    st.warning(literal(warning), icon=":material/warning:")
for reason in found.reasons:
    st.markdown(f"- {literal(reason)}")
with st.expander("What would change this advice", icon=":material/swap_horiz:"):
    for change in what_would_change(found, size, source):
        st.markdown(f"- {literal(change)}")
measuring(data, source, found, size)

choice = current_choice(data, source, found)
own = None if answer == "estimate" else answer
advised, case = choice.advised, choice.case
shown = f"{case}_{advised}_{line}"
event = explained(
    decision_diagram(size, told, advised, case),
    describe_decision(size, told, advised, case, own),
    key=f"{DIAGRAM}_{shown}", on_select="rerun", selection_mode="points",
)  # fmt: skip
clicked_by_mouse_only(DIAGRAM)
points = [point for point in event.selection.points if point.get("customdata")]
if points:
    clicked = points[0]["customdata"]
    session.change(case=TransferCase(clicked[0] if isinstance(clicked, list) else clicked))
    st.rerun()
said = " (advised)" if answer == "estimate" else " (by your answer)"
taken = st.segmented_control(
    "Choose a case, here or in the diagram", list(TransferCase), default=case, required=True,
    format_func=lambda each: each.title + (said if each == advised else ""),
    key=f"decide_case_{shown}",
)  # fmt: skip
if case != advised and st.button("Back to the advice", icon=":material/undo:", key="decide_back"):
    session.change(case=None)
    st.rerun()
if taken != case:
    session.change(case=None if taken == advised else taken)
    st.rerun()
with shown_errors():
    minutes_per_case(data, source, found)
if case == TransferCase.SMALL_DIFFERENT:
    best = found.readings.best_cut
    titles = {
        stage.stage: f"{stage.title}, probe {stage.accuracy:.0%}"
        + (" (best of the early layers)" if stage.stage == best else "")
        for stage in found.readings.stages
    }
    cut = st.selectbox(
        "Keep the layers through", list(titles), index=list(titles).index(work.cut or best),
        key="decide_cut", format_func=titles.get,
        help="The deepest early stage whose probe is not worse than the best one's.",
    )  # fmt: skip
    session.change(cut=None if cut == best else cut)
if case == TransferCase.LARGE_DIFFERENT:
    initialise = st.radio(
        "Initial weights", list(WEIGHTS), index=list(WEIGHTS).index(work.initialise),
        format_func=WEIGHTS.get, horizontal=True, key="decide_initialise",
        help="Both are worth comparing. " + starts(measured),
    )  # fmt: skip
    session.change(initialise=initialise)
session.remember()
strategy = current_choice(data, source, found).strategy
parts = caches.layer_parts(source.name, strategy, len(data.classes))
explained(network_drawing(parts), describe_network(parts), key="decide_network", caption=False)
go_on(f"Go on: train {case.title.lower()}", "pages/train.py", data=data_id, new="run")
st.header("What the estimate rests on", anchor=False)
with st.expander("What these words mean", icon=":material/help:"):
    st.markdown((LESSONS / "evidence.md").read_text(encoding="utf-8"))
places = iter([*st.columns(2), *st.columns(2)])
with next(places):
    explained(
        stage_accuracy(found.readings, strategy.keep_through),
        describe_stage_accuracy(found.readings), key="decide_stages",
    )  # fmt: skip
if found.ladder:
    with next(places):
        explained(ladder(found), describe_ladder(found), key="decide_ladder")
if measured:
    with next(places):
        bins = source.calibration.reliability
        explained(reliability_diagram(bins), describe_reliability(bins), key="decide_reliability")
if found.readings.curve:
    curve = found.readings.curve
    with next(places):
        explained(learning_curve_figure(curve), describe_learning_curve(curve), key="decide_curve")
