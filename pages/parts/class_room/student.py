"""A student's side of a class: the task, what was made, and the way out."""

import streamlit as st

from pages.parts.class_room.board import format_date
from pages.shared import caches, session
from pages.shared.class_task import offer_class_task
from pages.shared.layout import escape_markdown, show_errors
from transfer_core.languages import N_, _
from transfer_core.runs import RunRecord
from transfer_core.workspaces import Class, Member

LINKS = (
    ("pages/results.py", N_("See the result"), ":material/fact_check:"),
    ("pages/take_away.py", N_("Take your network away"), ":material/download:"),
)


def show_student(class_: Class, member: Member) -> None:
    """Draw the task of the class, the links to what the student made, and the button to leave."""
    words = _("{nickname} in {name}", nickname=member.nickname, name=class_.name)
    st.subheader(escape_markdown(words), anchor=False)
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
        _show_newest_run(run, member)
    offer_class_task(once=False)
    with st.container(horizontal=True):
        st.page_link("pages/start.py", label=_("Start"), icon=":material/home:")
        st.page_link("pages/runs.py", label=_("Your runs"), icon=":material/history:")
    _offer_leaving(class_)


def _show_newest_run(run: RunRecord, member: Member) -> None:
    """Draw what came out, beside the guess, and the links onwards."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        words, query = f"**{escape_markdown(run.name)}**", {"run": run.id}
        if not run.result:
            st.markdown(words)
            label, icon = _("Watch the run"), ":material/show_chart:"
            st.page_link("pages/train.py", label=label, icon=icon, query_params=query)
            return
        result = _(
            "{accuracy:.0f} of 100 test images are right.", accuracy=100 * run.result.accuracy
        )
        if member.guess is not None and run.created >= member.guessed:
            guess = _("Your guess: {guess:.0f}.", guess=100 * member.guess)
            result = f"{result} {guess}"
        st.markdown(f"{words}  \n{result}")
        for page, label, icon in LINKS:
            st.page_link(page, label=_(label), icon=icon, query_params=query)


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
