"""Presets of the playground: each asks for a guess first, and then says what it was worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.playground.controls import PRESETS, Preset, read_trial, set_trial
from pages.shared import session
from pages.shared.layout import escape_markdown
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.transferability import HeadTrialResult

ASKED_KEY = "playground_asked"  # name of the preset that waits for a guess
GUESS_KEY = "playground_guess"  # the trial that was guessed at, and the guess
GUESSES = {  # words of the buttons, by what is then said
    N_("up"): N_("go up"),
    N_("about the same"): N_("stay"),
    N_("down"): N_("go down"),
}
SAME = 0.02  # of the accuracy, in [0, 1]; a smaller change is "about the same"


def compare(result: HeadTrialResult, default: HeadTrialResult) -> str:
    """Say whether the accuracy is higher than with the default, by more than one image or so."""
    change = result.accuracy - default.accuracy
    images = sum(result.validation_counts)
    if abs(change) <= max(SAME, 1.01 / images):
        return "about the same"
    return "up" if change > 0 else "down"


def offer_presets() -> None:
    """Draw a button for each preset, and one that goes back."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for preset in PRESETS:
            st.button(
                _(preset.name),
                icon=preset.icon,
                key=f"playground_try_{preset.name}",
                on_click=_ask,
                args=(preset,),
            )
        st.button(
            _("Back to the default"),
            icon=":material/undo:",
            key="playground_default",
            on_click=_go_back,
        )


def _ask(preset: Preset) -> None:
    set_trial({})
    session.set_widgets(**{ASKED_KEY: preset.name})


def _go_back() -> None:
    set_trial({})
    session.set_widgets(**{ASKED_KEY: None, GUESS_KEY: None})


def _answer(preset: Preset, guess: str) -> None:
    set_trial(preset.values)
    session.set_widgets(**{ASKED_KEY: None, GUESS_KEY: (read_trial(), guess)})


def show_preset_words(result: HeadTrialResult, default: HeadTrialResult) -> None:
    """Ask for a guess, or say what the curves show and what was guessed."""
    from transfer_core.transferability import read_curves

    asked = next((p for p in PRESETS if p.name == st.session_state.get(ASKED_KEY)), None)
    if asked:
        st.markdown(
            _("**{preset}.** Predict first: the validation accuracy will …", preset=_(asked.name))
        )
        with st.container(horizontal=True):
            for guess, label in GUESSES.items():
                st.button(
                    _(label),
                    key=f"playground_guess_{guess}",
                    on_click=_answer,
                    args=(asked, guess),
                )
        return
    guessed = _describe_guess(result, default)
    st.markdown(guessed + escape_markdown(read_curves(result, default).sentence))


def _describe_guess(result: HeadTrialResult, default: HeadTrialResult) -> str:
    trial, guess = st.session_state.get(GUESS_KEY) or (None, None)
    if trial != result.trial:
        return ""
    truth = compare(result, default)
    values = {"guess": _(guess), "before": default.accuracy, "after": result.accuracy}
    if guess == truth:
        words = _(
            ":green[:material/check:] **You said {guess}, and so it is** ({before:.0%} to "
            "{after:.0%}).",
            **values,
        )
    else:
        words = _(
            ":orange[:material/lightbulb:] **You said {guess}; it is {truth}** ({before:.0%} to "
            "{after:.0%}).",
            truth=_(truth),
            **values,
        )
    return f"{words} "
