"""The language that a session reads: the one chosen, else the browser's own if there is one."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.shared import session
from transfer_core.languages import LANGUAGES, SOURCE_LANGUAGE


def find_language() -> str:
    """The key in `LANGUAGES` that texts are shown in; the source's outside of a session."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return SOURCE_LANGUAGE
    chosen = session.get_workspace().language
    browser = (st.context.locale or "").partition("-")[0]
    return chosen or (browser if browser in LANGUAGES else SOURCE_LANGUAGE)
