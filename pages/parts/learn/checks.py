"""A check below a part: a question, answers to choose from, and why each is right or wrong."""

import streamlit as st

from pages.parts.learn import progress
from pages.parts.learn.chapter import Check
from pages.shared.glossary import show_text


def show_check(check: Check, key: str) -> None:
    """Draw a question; after a choice, its explanation."""
    given = progress.get_progress().answers.get(key)
    texts = [answer.text for answer in check.answers]
    chosen = st.radio(
        check.question,
        range(len(texts)),
        index=given if given is not None and given < len(texts) else None,
        format_func=texts.__getitem__,
        key=f"learn_{key}",
        on_change=keep_answer,
        args=(check, key),
    )
    if chosen is None:
        return
    answer = check.answers[chosen]
    icon = ":green[:material/check_circle:]" if answer.is_right else ":orange[:material/lightbulb:]"
    with st.container(border=True):
        st.markdown(f"{icon} **{'Right.' if answer.is_right else 'Not quite.'}**")
        show_text(answer.explanation, key=f"learn_why_{key}_{chosen}")


def keep_answer(check: Check, key: str) -> None:
    """Keep the answer that was just chosen."""
    chosen = st.session_state[f"learn_{key}"]
    if chosen is not None:
        progress.answer(key, chosen, check.answers[chosen].is_right)
