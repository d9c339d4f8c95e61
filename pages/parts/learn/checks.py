"""A check below a part: a question, answers to choose from, and why each is right or wrong."""

import streamlit as st

from pages.parts.learn import progress
from pages.parts.learn.chapter import Check
from pages.shared.glossary import show_text
from transfer_core.languages import _


def show_check(check: Check) -> None:
    """Draw a question; after a choice, its explanation."""
    given = progress.get_progress().answers.get(check.id)
    texts = [answer.text for answer in check.answers]
    chosen = st.radio(
        check.question,
        range(len(texts)),
        index=given if given is not None and given < len(texts) else None,
        format_func=texts.__getitem__,
        key=f"learn_{check.id}",
        on_change=keep_answer,
        args=(check,),
    )
    if chosen is None:
        return
    answer = check.answers[chosen]
    with st.container(border=True):
        st.markdown(
            _(":green[:material/check_circle:] **Right.**")
            if answer.is_right
            else _(":orange[:material/lightbulb:] **Not quite.**")
        )
        show_text(answer.explanation, key=f"learn_why_{check.id}_{chosen}")


def keep_answer(check: Check) -> None:
    """Keep the answer that was just chosen."""
    chosen = st.session_state[f"learn_{check.id}"]
    if chosen is not None:
        progress.answer(check.id, chosen, check.answers[chosen].is_right)
