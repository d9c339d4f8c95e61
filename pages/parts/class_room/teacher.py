"""A teacher's side of a class: open it, let students in, hand out tasks, close it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.class_room.board import (
    format_date,
    has_run_going_on,
    show_board,
    watch_board,
    write_csv,
)
from pages.parts.class_room.capacity import watch_capacity
from pages.parts.class_room.handing_out import offer_handing_out, show_handed_out
from pages.parts.class_room.invitation import show_invitation, show_qr_code
from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors
from transfer_core.languages import N_, _
from transfer_core.workspaces import (
    DAYS_KEPT,
    MAX_DAYS_KEPT,
    MAX_NAME_LENGTH,
    check_password,
    close_class,
    open_classes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transfer_core.workspaces import Class

VIEWS = {"students": N_("Board"), "capacity": N_("Capacity")}


def show_teaching(taught: Sequence[Class]) -> None:
    """Draw the newest class that the workspace has opened, or another one that is chosen."""
    by_id = {each.id: each for each in taught}
    class_id = taught[0].id
    if len(taught) > 1:
        class_id = st.selectbox(
            _("Class"),
            list(by_id),
            format_func=lambda each: f"{by_id[each].name} ({format_date(by_id[each].created)})",
            key="class_chosen",
        )
    class_ = by_id[class_id]
    if class_.closed is None:
        _show_open_class(class_)
    else:
        _show_closed_class(class_)


def _show_open_class(class_: Class) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"### {escape_markdown(class_.name)}", width="content")
        with st.popover(_("QR code"), icon=":material/qr_code_2:"):
            show_qr_code(class_)
        offer_handing_out(class_)
        _offer_hiding(class_)
        _offer_csv(class_)
        _offer_closing(class_)
    show_invitation(class_)
    show_handed_out(class_)
    if _choose_view() == "capacity":
        watch_capacity(class_.id)
    else:
        watch_board(class_.id)


def _choose_view() -> str:
    """Let the board or the capacity be chosen; the address keeps it."""
    session.keep_in_url("class_view", "students", VIEWS)
    return st.segmented_control(
        _("What to see"),
        list(VIEWS),
        required=True,
        format_func=lambda name: _(VIEWS[name]),
        key="class_view",
        label_visibility="collapsed",
    )


def _offer_hiding(class_: Class) -> None:
    belongings, key = session.get_belongings(), f"class_hidden_{class_.id}"

    def hide() -> None:
        classes = open_classes(belongings.home)
        classes.hide_names(belongings.workspace, class_.id, st.session_state[key])

    st.toggle(_("Hide names"), class_.names_hidden, key=key, on_change=hide)


def _offer_csv(class_: Class) -> None:
    st.download_button(
        _("Results as CSV"),
        partial(write_csv, class_),
        file_name="class.csv",
        mime="text/csv",
        icon=":material/download:",
        key="class_csv",
        on_click="ignore",
    )


def _offer_closing(class_: Class) -> None:
    with st.popover(_("Close"), icon=":material/door_front:"):
        st.write(
            _(
                "Nobody joins any more. In {days} days, what was made in the class is deleted.",
                days=class_.delete_after_days,
            )
        )
        if st.button(_("Close the class"), type="primary", key="class_close"):
            with show_errors():
                close_class(session.get_belongings(), class_.id)
            st.rerun()


def _show_closed_class(class_: Class) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            _(
                "### {name} · closed, will be deleted on {date}",
                name=escape_markdown(class_.name),
                date=format_date(class_.deleted_at),
            ),
            width="content",
        )
        _offer_hiding(class_)
        _offer_csv(class_)
        with st.popover(_("Delete now"), icon=":material/delete_forever:"):
            st.write(_("Deletes what everybody made in this class, for good."))
            delete = st.button(_("Delete the class"), type="primary", key="class_delete")
    if delete:
        from transfer_core.workspaces import delete_class

        belongings = session.get_belongings()
        with show_errors(), st.spinner(_("Deleting")):
            own = open_classes(belongings.home).get_taught(belongings.workspace, class_.id)
            delete_class(belongings.home, caches.get_engine(), own)
        st.rerun()
    if _choose_view() == "capacity":
        watch_capacity(class_.id)
    elif has_run_going_on(class_):
        watch_board(class_.id)
    else:
        show_board(class_)


def offer_opening() -> None:
    """Draw the form that opens a class for whoever knows the teacher's password, folded."""
    with (
        st.expander(_("For teachers: open a class"), icon=":material/co_present:"),
        st.form("class_open", border=False),
    ):
        left, middle, right = st.columns([2, 2, 1])
        name = left.text_input(
            _("Name of the class"), _today(), max_chars=MAX_NAME_LENGTH, key="class_name"
        )
        password = middle.text_input(
            _("Teacher's password"),
            type="password",
            key="class_password",
            help=_("The server printed it when it started, unless its administrator set one."),
        )
        days = right.number_input(
            _("Days kept after the end"), 1, MAX_DAYS_KEPT, DAYS_KEPT, key="class_days"
        )
        asked = st.form_submit_button(_("Open the class"), icon=":material/door_open:")
    if asked:
        belongings = session.get_belongings()
        with show_errors():
            check_password(belongings.workspace, password, st.context.ip_address)
            open_classes(belongings.home).open(belongings.workspace, name, int(days))
        st.rerun()


def _today() -> str:
    return _("Class of {date}", date=format_date(time.time()))
