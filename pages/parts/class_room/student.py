"""A student's side of a class: the task, what was made, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.class_room.board import format_date
from pages.shared import caches, session
from pages.shared.class_task import describe_guess, offer_class_task, open_taken_task
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.live_pace import draw_again
from transfer_core.languages import N_, _
from transfer_core.workspaces import open_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transfer_core.runs import RunRecord
    from transfer_core.training import TestResult
    from transfer_core.workspaces import Class, Guess, Member

LINKS = (
    ("pages/results.py", N_("See the result"), ":material/fact_check:"),
    ("pages/take_away.py", N_("Take your network away"), ":material/download:"),
)


def show_student(class_: Class, member: Member) -> None:
    """Draw the task of the class, the links to what the student made, and the button to leave."""
    words = _("{nickname} in {name}", nickname=member.nickname, name=class_.name)
    st.subheader(escape_markdown(words), anchor=False)
    open_taken_task()
    if class_.closed is None:
        _watch(class_.id)
    else:
        _show_task_and_run(class_, member)
    with st.container(horizontal=True):
        st.page_link("pages/start.py", label=_("Start"), icon=":material/home:")
        st.page_link("pages/runs.py", label=_("Your runs"), icon=":material/history:")
    _offer_leaving(class_)


@st.fragment
def _watch(class_id: str) -> None:
    """Draw what changes while the class is open, again and again."""
    draw_again()
    belongings = session.get_belongings()
    joined = open_classes(belongings.home).find_joined(belongings.workspace)
    if joined is None or joined[0].id != class_id or joined[0].closed is not None:
        st.rerun()  # once: the page then draws another place, without a timer
    _show_task_and_run(*joined)


def _show_task_and_run(class_: Class, member: Member) -> None:
    if class_.closed is not None:
        st.info(
            _(
                "The class is closed. What you made in it is deleted on {date}; take away what you "
                "want to keep.",
                date=format_date(class_.deleted_at),
            ),
            icon=":material/event:",
        )
    elif class_.task is None:
        st.info(_("You are in. Your teacher will hand you a task."), icon=":material/check:")
    run = next(iter(session.list_runs()), None)
    if run and run.created >= member.joined:
        _show_newest_run(run, open_classes(session.get_belongings().home).list_guesses(class_.id))
    offer_class_task(once=False)


def _show_newest_run(run: RunRecord, guesses: Sequence[Guess]) -> None:
    """Draw what came out, beside the guess, and the links onwards."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        words, query = f"**{escape_markdown(run.name)}**", {"run": run.id}
        if not run.result:
            st.markdown(words)
            label, icon = _("Watch the run"), ":material/show_chart:"
            st.page_link("pages/train.py", label=label, icon=icon, query_params=query)
            return
        own = session.get_belongings().workspace.id
        guess = next((each.guess for each in guesses if each.is_for(own, run.created)), None)
        st.markdown(f"{words}  \n{_describe_outcome(run.result, guess)}")
        for page, label, icon in LINKS:
            st.page_link(page, label=_(label), icon=icon, query_params=query)


def _describe_outcome(result: TestResult, guess: float | None) -> str:
    said = _(
        "{right:,} of {images:,} test images are right ({accuracy:.0%}).",
        right=sum(row[number] for number, row in enumerate(result.confusion)),
        images=result.images,
        accuracy=result.accuracy,
    )
    return said if guess is None else f"{said} {describe_guess(guess)}"


def _offer_leaving(class_: Class) -> None:
    with st.popover(_("Leave and delete my data"), icon=":material/delete_forever:"):
        st.write(_("Deletes your nickname and what you made in this class, for good."))
        leave = st.button(_("Leave and delete"), type="primary", key="class_leave")
    if leave:
        from transfer_core.workspaces import leave_class

        with show_errors(), st.spinner(_("Deleting")):
            leave_class(session.get_belongings(), caches.get_engine(), class_.id)
        session.change(run_id=None, data_id=None)
        st.rerun()
