"""The board of a class: a row for each student, live, and the spread of what came out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.class_room.invitation import show_qr_code
from pages.shared import caches, session
from pages.shared.layout import escape_markdown, hint_at_more_columns, show_errors, show_figure
from pages.shared.presenting import NAME_PIXELS, fit_table
from pages.shared.result_words import describe_interval
from pages.shared.run_states import name_state
from transfer_core.figures import describe_class_spread, plot_class_spread
from transfer_core.languages import _
from transfer_core.runs import RunState, move_to_front
from transfer_core.workspaces import (
    BoardRow,
    Class,
    ClassRun,
    get_class_run,
    name_student,
    open_classes,
    select_results,
    write_results_csv,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transfer_core.runs import RunRecord

REDRAW_SECONDS = 2.5


@st.fragment(run_every=REDRAW_SECONDS)
def watch_board(class_id: str) -> None:
    """Draw the board of a class that is open or has a run that goes on, anew every few seconds."""
    belongings = session.get_belongings()
    with show_errors():
        class_ = open_classes(belongings.home).get_taught(belongings.workspace, class_id)
    show_board(class_)


def has_run_going_on(class_: Class) -> bool:
    """Whether a run of the class has not ended."""
    with show_errors():
        __, runs = caches.get_class_board(class_.id).read(class_)
    return any(not run.record.state.is_final for run in runs)


def show_board(class_: Class) -> None:
    """Draw the rows, the runs of the chosen one, and the spread.

    Args:
        class_: Of the teacher whose browser this is.
    """
    with show_errors():
        rows, runs = caches.get_class_board(class_.id).read(class_)
    if not rows:
        st.caption(_("Nobody has joined yet."))
        if class_.closed is None:
            show_qr_code(class_)
        return
    row = _show_rows(class_, rows)
    if row:
        _show_runs(class_, row)
    elif any(len(each.runs) > 1 for each in rows):
        st.caption(_("Choose a row to see all runs of a student."))
    _show_spread(class_, select_results(runs, class_.task))


def _show_rows(class_: Class, rows: tuple[BoardRow, ...]) -> BoardRow | None:
    """Draw the table; returns the chosen row."""
    cells = [
        {"student": _name(class_, row), "runs": len(row.runs), **_list_cells(row.run)}
        for row in rows
    ]
    event = st.dataframe(
        cells,
        **fit_table(f"class_board_{class_.id}_{class_.names_hidden}", len(rows)),
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        column_config=_configure_columns(cells),
        placeholder="–",
        alt=_("A row for each of {students:,} students.", students=len(rows)),
    )
    hint_at_more_columns()
    chosen = event.selection.rows
    return rows[chosen[0]] if chosen and chosen[0] < len(rows) else None


def _show_runs(class_: Class, row: BoardRow) -> None:
    """Draw all runs of a student if they are several, and what can be done with those to come."""
    cells = [{"run": number, **_list_cells(run)} for number, run in enumerate(row.runs, 1)]
    if len(cells) > 1:
        st.markdown(_("**All runs of {student}**", student=escape_markdown(_name(class_, row))))
        st.dataframe(
            cells,
            **fit_table(f"class_runs_{class_.id}_{row.number}", len(cells)),
            hide_index=True,
            width="stretch",
            column_config=_configure_columns(cells),
            placeholder="–",
            alt=_("A row for each of {runs:,} runs of a student.", runs=len(cells)),
        )
    for number, run in enumerate(row.runs, 1):
        if not run.record.state.is_final:
            _offer_actions(class_, run, number)


def _configure_columns(cells: Sequence[Mapping[str, object]]) -> dict[str, object]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    is_told = any(each["told"] for each in cells)  # not if all train what was handed out
    told = text(_("expected"), help=_("80 % interval that Decide told before the run."))
    return {
        "student": text(_("student"), width=NAME_PIXELS),
        "run": number(_("run")),
        "runs": number(_("runs")) if any(each.get("runs", 0) > 1 for each in cells) else None,
        "data": text(_("data set"), width=NAME_PIXELS),
        "case": number(_("case")),
        "now": _("now"),
        "live": number(_("live (%)"), format="%.0f", help=_("Accuracy on the validation images.")),
        "guess": number(_("guess (%)"), format="%.0f"),
        "told": told if is_told else None,
        "test": number(_("result (%)"), format="localized", help=_("Accuracy on the test images.")),
    }


def _list_cells(run: ClassRun | None) -> dict[str, object]:
    record = run and run.record
    told, result = record and record.expectation, record and record.result
    has_interval = told and told.low is not None
    return {
        "now": record and name_state(record),
        "data": run and run.data_name,
        "case": record and record.config.strategy.textbook_case,
        "live": run and run.live_accuracy and 100 * run.live_accuracy,
        "guess": None if run is None or run.guess is None else 100 * run.guess,
        "told": describe_interval(told.low, told.high) if has_interval else None,
        "test": result and round(100 * result.accuracy, 1),
    }


def write_csv(class_: Class) -> str:
    """The runs of a class for a spreadsheet, with the names that the board shows."""
    runs = caches.get_class_board(class_.id).read(class_)[1]
    return write_results_csv(runs, hidden=class_.names_hidden, word=_("Student"))


def _name(class_: Class, each: BoardRow | ClassRun) -> str:
    return name_student(each, hidden=class_.names_hidden, word=_("Student"))


def name_run_owner(class_: Class, record: RunRecord, run: ClassRun | None) -> str:
    """Name whose run this is as the board does; strangers to the class stay without a name.

    Args:
        class_: The class.
        record: Any run of this server.
        run: The same run, if it is of the class.
    """
    if run:
        return _name(class_, run)
    return _("You") if session.is_own_run(record) else _("Somebody else")


def _offer_actions(class_: Class, run: ClassRun, number: int) -> None:
    """Draw the buttons that stop a run or let it start next.

    Args:
        class_: The class.
        run: The run, which is not over.
        number: Of the run among those of its student.
    """
    who, belongings, run_id = _name(class_, run), session.get_belongings(), run.record.id
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            _("Stop run {number} of {student}", number=number, student=escape_markdown(who)),
            icon=":material/stop:",
            key=f"class_stop_{run_id}",
        ):
            with show_errors():
                caches.get_engine().stop(get_class_run(belongings, class_.id, run_id))
        if run.record.state is RunState.queued and st.button(
            _("Let run {number} start next", number=number),
            icon=":material/vertical_align_top:",
            key=f"class_front_{run_id}",
        ):
            with show_errors():
                move_to_front(belongings.runs, get_class_run(belongings, class_.id, run_id))


def _show_spread(class_: Class, results: tuple[ClassRun, ...]) -> None:
    if not results:
        return
    points = [
        (
            run.record.config.strategy.textbook_case,
            run.record.result.accuracy,
            _name(class_, run),
        )
        for run in results
    ]
    data_name = results[0].data_name
    show_figure(
        plot_class_spread(points, data_name),
        describe_class_spread(points, data_name),
        key="class_spread",
        width="stretch",
    )
    st.caption(
        _(
            "What starts at random differs from student to student (*seed*). In case 1 that is "
            "only the new layer, so its results hardly differ."
        )
    )


def format_date(seconds: float) -> str:
    """A day for people, from seconds since 1970."""
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d}"
