"""Guesses about what was done to spoiled data sets; a guess opens the key, a reload keeps it."""

import json

import streamlit as st

from pages.shared.browser_memory import keep_in_browser
from transfer_core.dataset import FLAW_KINDS, Guess, SpoiledVersion

GUESSES_KEY = "guesses"


def get_guess(flaw: SpoiledVersion) -> Guess | None:
    """This session's guess about a spoiled version, if it was made."""
    return _get_guesses().get(flaw.id)


def keep_guess(flaw: SpoiledVersion, guess: Guess) -> None:
    """Remember a guess; the key to the version is open from now on."""
    _get_guesses()[flaw.id] = guess


def synchronise_guesses() -> None:
    """Once a session take over the guesses that the browser kept; let it keep new ones."""
    guesses = _get_guesses()
    kept = keep_in_browser(GUESSES_KEY, write_guesses(guesses))
    if kept and (before := read_guesses(kept)):
        st.session_state[GUESSES_KEY] = before | guesses
        st.rerun()


def write_guesses(guesses: dict[str, Guess]) -> str:
    """Write guesses, by the id of the spoiled version, as JSON."""
    return json.dumps(
        {key: [g.kind, sorted(g.classes), sorted(g.images)] for key, g in guesses.items()}
    )


def read_guesses(text: str) -> dict[str, Guess]:
    """Read what a browser kept; what cannot be read counts as nothing."""
    try:
        return {
            key: Guess(kind, frozenset(map(str, classes)), frozenset(map(str, images)))
            for key, (kind, classes, images) in json.loads(text).items()
            if kind in FLAW_KINDS
        }
    except (ValueError, TypeError, AttributeError):
        return {}


def _get_guesses() -> dict[str, Guess]:
    return st.session_state.setdefault(GUESSES_KEY, {})
