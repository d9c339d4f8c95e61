"""Texts that the browser keeps, so that a reload or another session does not lose them."""

from pathlib import Path

import streamlit as st

_COMPONENT = st.components.v2.component(
    "transfer_lab_browser_memory",
    html="<span></span>",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def keep_in_browser(name: str, text: str) -> str | None:
    """Let the browser keep a text, once it has told what it kept before.

    Call it in every run of a page, as early as the text is known: what the person does next may
    be a reload.

    Args:
        name: Of the text, the same in all sessions.
        text: What to keep now.

    Returns:
        What the browser kept before, once a session, "" for nothing; None in all other runs.
    """
    known = st.session_state.get(_make_flag(name), False)
    given = {"name": f"transfer-lab-{name}", "text": text if known else None}
    result = _COMPONENT(key=f"{name}_keeper", data=given, on_kept_change=_do_nothing, height=1)
    if known or (kept := result.get("kept")) is None:
        return None
    forget_in_browser(name)
    return kept


def forget_in_browser(name: str) -> None:
    """Let the next text replace what the browser kept, without asking for it."""
    st.session_state[_make_flag(name)] = True


def _make_flag(name: str) -> str:
    return f"{name}_restored"


def _do_nothing() -> None:
    """A state of a component needs a callback."""
