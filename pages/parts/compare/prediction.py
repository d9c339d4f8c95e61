"""Predict first: which of the four cases will win? The guess is kept and compared."""

from collections.abc import Mapping

import streamlit as st

from transfer_core.cases import TransferCase
from transfer_core.inspection import CaseResult
from transfer_core.languages import _

GUESSES_KEY = "compare_guesses"  # of the session: the case guessed, by the images and the network


def show_prediction(key: str, results: Mapping[str, CaseResult], best: str | None) -> None:
    """Ask for a guess as long as nothing is known; then say whether it came true.

    Args:
        key: Of the images and the network.
        results: What finished runs reached.
        best: Key of the most accurate result, once all runs are over.
    """
    guess = st.session_state.get(GUESSES_KEY, {}).get(key)
    if not results:
        st.segmented_control(
            _("Your guess: which case will win?"),
            list(TransferCase),
            default=guess,
            format_func=lambda case: _("case {case}", case=case.value),
            key="compare_guess",
            on_change=_keep_guess,
            args=(key,),
        )
    elif guess and best:
        st.markdown(_compare_guess(guess, results[best]))
    elif guess:
        st.caption(_("Your guess: case {case}", case=guess.value))


def _keep_guess(key: str) -> None:
    st.session_state.setdefault(GUESSES_KEY, {})[key] = st.session_state["compare_guess"]


def _compare_guess(guess: TransferCase, best: CaseResult) -> str:
    if guess == best.case:
        return _("You guessed case {case}: right.", case=guess.value)
    cases = {"guess": guess.value, "best": best.case.value}
    return _("You guessed case {guess}; case {best} was the best.", **cases)
