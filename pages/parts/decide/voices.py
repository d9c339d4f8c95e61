"""Both voices in a sentence or two each: what the textbook says, and what is best measured."""

import streamlit as st

from pages.parts.decide.option_rows import choose_cut, has_unknown_times, show_options
from pages.shared import session
from pages.shared.choice import Choice
from pages.shared.journey import MINUTES
from pages.shared.layout import escape_markdown
from transfer_core.figures import describe_accuracy, describe_how_known, describe_seconds
from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import (
    DECISION_THRESHOLD,
    Option,
    SimilarityEstimate,
    compare_voices,
    explain_what_would_change,
    load_calibration,
)

VOICE_STYLE = """<style>
[class*="st-key-decide_voice"] { padding: 0.4rem 0.9rem 0.6rem !important; }
[class*="st-key-decide_voice"] h3 { font-size: 1rem; padding: 0 !important; }
</style>"""
ANSWER_LABELS = {
    "estimate": N_("Estimate it"),
    "similar": N_("Similar"),
    "different": N_("Different"),
}


def show_textbook_voice(source: SourceNetwork, estimate: SimilarityEstimate, choice: Choice):
    """Say the textbook's case in a sentence; the answer and the reasons stand behind "Why?"."""
    with st.container(border=True, gap="xxsmall", key="decide_voice_textbook"):
        with _head(_("What the textbook says")), st.popover(_("Why?"), type="tertiary"):
            st.segmented_control(
                _("Similar to what the network learned from?"),
                list(ANSWER_LABELS),
                default=session.get_journey().answer,
                required=True,
                format_func=lambda answer: _(ANSWER_LABELS[answer]),
                key="decide_answer",
                on_change=_take_answer,
                help=_(
                    "Similar means: the network's higher-level features carry over to your images."
                ),
            )
            _explain_textbook(source, estimate, choice)
        st.markdown(_describe_textbook(estimate, choice))


def _head(title: str):
    """A heading, and room for its "Why?" at the right."""
    row = st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    )
    row.subheader(title, anchor=False, width="content")
    return row


def _take_answer() -> None:
    session.change(answer=st.session_state["decide_answer"])


def _describe_textbook(estimate: SimilarityEstimate, choice: Choice) -> str:
    textbook, size = choice.textbook, choice.textbook.size
    numbers = {"images": size.images, "line": size.line}
    if size.answer == "small":
        told = _("**Small** ({images:,} images, below {line:,})", **numbers)
    else:
        told = _("**Large** ({images:,} images, not below {line:,})", **numbers)
    if textbook.alternative is None:
        return _(
            "{size} and **{similarity}** ({certainty}): **case {case}**.",
            size=told,
            similarity=_(textbook.similarity),
            certainty=_describe_certainty(estimate, textbook.similarity),
            case=textbook.case.value,
        )
    similar, different = sorted(
        (textbook.case, textbook.alternative), key=lambda case: case.similarity == "different"
    )
    return _(
        "{size}. Similar? **Can't tell** ({probability:.0%} similar, {low:.0f}–{high:.0%}): "
        "**case {first}** if similar, **case {second}** if different.",
        size=told,
        probability=estimate.probability,
        low=100 * estimate.low,
        high=estimate.high,
        first=similar.value,
        second=different.value,
    )


def _describe_certainty(estimate: SimilarityEstimate, similarity: str) -> str:
    """How sure the network is of the answer, or that the answer is the person's."""
    if session.get_journey().answer != "estimate":
        return _(
            "your answer; the network says {probability:.0%} similar",
            probability=estimate.probability,
        )
    ends = estimate.probability, estimate.low, estimate.high
    if similarity == "different":
        ends = 1 - estimate.probability, 1 - estimate.high, 1 - estimate.low
    return _(
        "{probability:.0%} likely, {low:.0f}–{high:.0%}",
        probability=ends[0],
        low=100 * ends[1],
        high=ends[2],
    )


def _explain_textbook(source: SourceNetwork, estimate: SimilarityEstimate, choice: Choice) -> None:
    size = choice.textbook.size
    st.markdown(
        _(
            "**Small or large?** Fewer images to learn from than the line are small; training and "
            "validation images count, test images do not. Courses call fewer than 2,000 small. "
            "Drag the line, or move it with the arrow keys; it never depends on what was measured."
        )
    )
    if size.is_close:
        st.markdown(_("Your images are close to the line: the other size is nearly as right."))
    st.markdown(_("**What speaks for similar or different**"))
    st.markdown("\n".join(f"- {escape_markdown(reason)}" for reason in estimate.reasons))
    st.markdown(_("**What would change it**"))
    changes = explain_what_would_change(estimate, size, source)
    st.markdown("\n".join(f"- {escape_markdown(change)}" for change in changes))
    _show_track_record(source)


def _show_track_record(source: SourceNetwork) -> None:
    """Say how often answers of this network's estimate were right."""
    calibration = load_calibration(source)
    if not calibration.reliability:
        return
    right, stated = calibration.record(DECISION_THRESHOLD)
    st.caption(
        _(
            "How good is the estimate of similarity? It was checked on {sets} image sets, each "
            "judged without having seen its kind. Answers that were at least {threshold:.0%} sure "
            "were right {right} of {stated} times.",
            sets=calibration.image_sets,
            threshold=DECISION_THRESHOLD,
            right=right,
            stated=stated,
        )
    )


def show_measured_voice(choice: Choice) -> None:
    """Draw what each way to train reaches; why one is recommended stands behind "Why?"."""
    with st.container(border=True, gap="xxsmall", key="decide_voice_measured"):
        with _head(_("What is best on your images")), st.popover(_("Why?"), type="tertiary"):
            _explain_measured(choice)
            choose_cut(choice)
        show_options(choice)
        if has_unknown_times(choice):
            st.caption(
                _(
                    ":material/timer_off: Time unknown: it can't be measured while a run trains. "
                    "Look again when the run has ended."
                )
            )
        if any(result.is_shortened for result in choice.results.values()):
            st.caption(_(r"\* Shortened: does not count for ★, for a full run may end higher."))


def _explain_measured(choice: Choice) -> None:
    best = choice.options.recommended
    words = [choice.options.reason]
    if choice.textbook.alternative is None:
        words.append(compare_voices(choice.options, choice.textbook_option.key))
    told = escape_markdown(" ".join(filter(None, words)))
    if best:
        st.markdown(_("**★ Recommended:** {told}", told=told))
    else:
        st.markdown(_("{told} Follow the textbook.", told=told))
    if best:
        st.caption(_describe_range(best))
    if sum(bool(option.runs) for option in choice.options.options) > 1:
        st.caption(
            _(
                "▲ is the accuracy on test images. The best of several runs looks a little better "
                "than it is: some of its lead is luck."
            )
        )


def choose_minutes() -> None:
    """Let the minutes be chosen that a run may take."""
    st.select_slider(
        _("Minutes I have"),
        MINUTES,
        value=session.get_journey().minutes,
        format_func=lambda minutes: f"{minutes:g}",
        key="decide_minutes",
        on_change=_take_minutes,
        width=360,
        help=_(
            "Recommended is the way expected to be most accurate that ends in time, as timed on "
            "this computer; of measured ways less than half a point apart, the cheaper."
        ),
    )


def _take_minutes() -> None:
    session.change(minutes=st.session_state["decide_minutes"])


def _describe_range(option: Option) -> str:
    time = describe_seconds(option.seconds_low, option.seconds_high)
    if option.runs:
        return escape_markdown(f"{describe_accuracy(option)}, {describe_how_known(option)}; {time}")
    ends = {"low": 100 * option.low, "high": option.high}
    told = _("80% interval {low:.0f} to {high:.0%}; {time}", **ends, time=time)
    return escape_markdown(told)
