"""What came out of an experiment: the predictions beside the results, and what they show."""

import html
from dataclasses import dataclass

import streamlit as st

from pages.parts.learn import progress
from pages.parts.learn.options import describe_option
from pages.shared import caches
from pages.shared.glossary import show_text
from pages.shared.layout import show_errors
from transfer_core.languages import _
from transfer_core.runs import RunRecord

CLOSE = 10  # points; a guess so near counts as close
BARS_STYLE = """<style>
.guess-bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: 0.35rem;
  align-items: center; }
.guess-bars strong { grid-column: 1 / -1; margin-top: 0.3rem; }
.guess-bars i { height: 0.9rem; min-width: 2px; border: 2px solid currentColor; }
.guess-bars .got { background: #2a78b5; border-color: #2a78b5; }
</style>"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was predicted of one option, and what its run reached."""

    title: str  # for people
    guess: int  # percent
    right: int  # test images
    images: int  # test images

    @property
    def percent(self) -> float:
        """Of the test images, those that were right."""
        return 100 * self.right / self.images


def show_outcomes(records: list[RunRecord], afterwards: str, key: str) -> None:
    """Draw the predictions beside what was reached, what it means, and the ways on."""
    guesses = progress.get_progress().guesses.get(key, [])
    outcomes = [
        Outcome(
            describe_option(record.config.strategy),
            guess,
            round(record.result.accuracy * record.result.images),
            record.result.images,
        )
        for record, guess in zip(records, guesses, strict=False)
    ]
    st.html(BARS_STYLE)
    st.html(render_bars(outcomes))
    for outcome in outcomes:
        st.markdown(describe_outcome(outcome))
    st.markdown(_("**What came out:** {sentence}", sentence=conclude(records, outcomes)))
    show_text(afterwards, key=f"learn_after_{key}")
    with st.container(horizontal=True):
        for record, outcome in zip(records, outcomes, strict=False):
            st.page_link(
                "pages/results.py",
                label=_("Look inside: {run}", run=outcome.title),
                icon=":material/fact_check:",
                query_params={"run": record.id},
            )
        st.button(
            _("Predict again"),
            icon=":material/replay:",
            key=f"learn_again_{key}",
            on_click=predict_again,
            args=(key,),
        )


def predict_again(key: str) -> None:
    """Forget a prediction; the next one makes runs of its own."""
    st.session_state["lesson_clicks"] = st.session_state.get("lesson_clicks", 0) + 1
    progress.forget_runs(key)


def describe_outcome(outcome: Outcome) -> str:
    """A prediction and its result in a sentence."""
    difference = round(outcome.percent - outcome.guess)
    values = {
        "title": outcome.title,
        "right": outcome.right,
        "images": outcome.images,
        "percent": outcome.percent,
        "difference": abs(difference),
    }
    if not difference:
        words = _(
            "**{title}**: {right} of {images} test pictures right, that is {percent:.0f} of 100, "
            "exactly as you guessed.",
            **values,
        )
    elif difference > 0:
        words = _(
            "**{title}**: {right} of {images} test pictures right, that is {percent:.0f} of 100, "
            "{difference} more than you guessed.",
            **values,
        )
    else:
        words = _(
            "**{title}**: {right} of {images} test pictures right, that is {percent:.0f} of 100, "
            "{difference} fewer than you guessed.",
            **values,
        )
    close = _("Close!")
    return f"{words} {close}" if abs(difference) <= CLOSE else words


def conclude(records: list[RunRecord], outcomes: list[Outcome]) -> str:
    """What the runs have shown, in a sentence or two."""
    if len(outcomes) == 1:
        return describe_single(outcomes[0], len(records[0].result.per_class))
    ranked = sorted(
        zip(outcomes, records, strict=False), key=lambda pair: pair[0].percent, reverse=True
    )
    (first, best), (second, other) = ranked[:2]
    with show_errors():
        may_be_chance = caches.compare_pair(best.id, other.id).may_be_chance
    return describe_pair(first, second, may_be_chance=may_be_chance)


def describe_single(outcome: Outcome, classes: int) -> str:
    """What one run has shown: its result beside blind guessing and the prediction."""
    return _(
        "blind guessing gets {chance:.0f} of 100, you said {guess}, the network got {percent:.0f}.",
        chance=100 / classes,
        guess=outcome.guess,
        percent=outcome.percent,
    )


def describe_pair(first: Outcome, second: Outcome, *, may_be_chance: bool) -> str:
    """What two runs have shown: which won, if that can be luck, and what was predicted.

    Args:
        first: The better one.
        second: The other one.
        may_be_chance: Whether the difference is not significant.
    """
    points = round(first.percent) - round(second.percent)
    guessed = first.guess - second.guess
    if not points:
        return _("both got the same. You had guessed a gap of {points}.", points=abs(guessed))
    values = {"first": first.title, "second": second.title, "points": points}
    won = (
        _("“{first}” got {points} of 100 more than “{second}”. That can be luck.", **values)
        if may_be_chance
        else _(
            "“{first}” got {points} of 100 more than “{second}”. That is more than luck.",
            **values,
        )
    )
    return f"{won} {describe_guessed_gap(guessed)}"


def describe_guessed_gap(points: int) -> str:
    """By how much the better one of two runs was ahead in the prediction."""
    if not points:
        return _("You had guessed no gap.")
    if points > 0:
        return _("You had guessed {points} more.", points=points)
    return _("You had guessed {points} fewer.", points=-points)


def render_bars(outcomes: list[Outcome]) -> str:
    """Bars of the predictions and the results; the sentences beside them say the same."""
    guess, result = _("guess"), _("result")
    rows = "".join(
        f"<strong>{html.escape(each.title)}</strong>"
        f'<span>{guess}</span><i style="width:{each.guess}%"></i><span>{each.guess}</span>'
        f'<span>{result}</span><i class="got" style="width:{each.percent:.0f}%"></i>'
        f"<span>{each.percent:.0f}</span>"
        for each in outcomes
    )
    return f'<div class="guess-bars" aria-hidden="true">{rows}</div>'
