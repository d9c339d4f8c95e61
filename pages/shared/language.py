"""The language that a session reads: the one chosen, else the browser's own if there is one."""

from collections.abc import Mapping

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.shared import presenting, session
from transfer_core.languages import LANGUAGES, SOURCE_LANGUAGE, _

SWITCH_KEY = "layout_language"
ADDRESS_NAME = "lang"


def find_language() -> str:
    """The key in `LANGUAGES` that texts are shown in; the source's outside of a session."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return SOURCE_LANGUAGE
    chosen = session.get_journey().language
    browser = (st.context.locale or "").partition("-")[0]
    return chosen or (browser if browser in LANGUAGES else SOURCE_LANGUAGE)


def read_language_from_url() -> None:
    """Take the language that the address asks for, before any text is shown."""
    asked = session.get_requested(ADDRESS_NAME)
    if asked in LANGUAGES and asked != session.get_journey().language:
        session.change(language=asked)


def offer_languages() -> None:
    """Draw the choice of a language; one that was chosen stands in the address."""
    session.write_to_url(ADDRESS_NAME, session.get_journey().language)
    st.session_state[SWITCH_KEY] = find_language()
    st.selectbox(
        _("Language"),
        list(LANGUAGES),
        key=SWITCH_KEY,
        format_func=LANGUAGES.get,
        label_visibility="collapsed",
        width=round(130 * presenting.get_scale()),
        on_change=_switch,
    )


def translate_words(words: Mapping[str, str]) -> dict[str, str]:
    """The words of a component in the reader's language, for its `data`."""
    return {name: _(word) for name, word in words.items()}


def _switch() -> None:
    chosen = st.session_state[SWITCH_KEY]
    session.change(language=chosen)
    session.write_to_url(ADDRESS_NAME, chosen)
