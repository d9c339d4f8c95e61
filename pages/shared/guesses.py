"""The guesses of this session about what was done to spoiled data sets; a guess opens the key."""

import streamlit as st

from transfer_core.dataset import Guess, SpoiledVersion

GUESSES_KEY = "guesses"


def get_guess(flaw: SpoiledVersion) -> Guess | None:
    """This session's guess about a spoiled version, if it was made."""
    return st.session_state.get(GUESSES_KEY, {}).get(flaw.id)


def keep_guess(flaw: SpoiledVersion, guess: Guess) -> None:
    """Remember a guess; the key to the version is open from now on."""
    st.session_state.setdefault(GUESSES_KEY, {})[flaw.id] = guess
