"""A student's side of a class: the task, what was made, and the way out."""

import streamlit as st

from pages.parts.class_room.board import format_date
from pages.shared import caches, session
from pages.shared.class_task import offer_class_task
from pages.shared.layout import escape_markdown, show_errors
from transfer_core.languages import _
from transfer_core.workspaces import Class, Member


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
    offer_class_task(once=False)
    _show_own_runs()
    _offer_leaving(class_)


def _show_own_runs() -> None:
    with st.container(horizontal=True):
        st.page_link("pages/start.py", label=_("Start"), icon=":material/home:")
        st.page_link("pages/runs.py", label=_("Your runs"), icon=":material/history:")
        for run in session.list_runs()[:1]:
            if run.result:
                st.page_link(
                    "pages/take_away.py",
                    label=_("Take your network away"),
                    icon=":material/download:",
                    query_params={"run": run.id},
                )


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
