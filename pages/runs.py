"""Runs: everything that was trained here; find it, note it, compare it, repeat it, delete it."""

from collections.abc import Sequence

import streamlit as st

from pages.parts.runs.deletion import (
    offer_deletion,
    offer_undo,
    show_deleted_runs,
    show_unreadable_runs,
)
from pages.parts.runs.run_details import show_run_details
from pages.parts.runs.runs_table import collect_tags, show_run_filters, show_runs_table
from pages.parts.runs.track_record import show_track_record
from pages.parts.runs.workspace_box import show_workspace_box
from pages.shared import session
from pages.shared.layout import show_errors, show_page_title
from transfer_core.languages import _
from transfer_core.runs import UNFINISHED_STATES, RunRecord

POLL_SECONDS = 2.0  # between looks at unfinished runs


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Runs"), "pages/runs.py")
    with show_errors():
        records = session.list_runs()
    offer_undo()
    show_unreadable_runs()
    if records:
        show_runs(records)
    else:
        st.info(_("Nothing was trained here yet."), icon=":material/info:")
        st.page_link("pages/start.py", label=_("Start"), icon=":material/arrow_forward:")
    show_track_record()
    show_deleted_runs()
    show_workspace_box()
    unfinished = {run.id: run.state for run in records if not run.state.is_final}
    if unfinished:
        rerun_on_change(unfinished)


def show_runs(records: Sequence[RunRecord]) -> None:
    """Draw the table, and what can be done with the rows that are chosen."""
    names = session.list_names()
    shown = show_run_filters(records, names)
    ids = show_runs_table(shown, names, session.get_chosen_runs()) if shown else ()
    session.choose_runs(ids)
    by_id = {record.id: record for record in shown}
    chosen = [by_id[run_id] for run_id in ids]  # in the order of the clicks
    if len(chosen) == 1:
        show_run_details(chosen[0], collect_tags(records))
    elif chosen:
        show_bulk_actions(chosen)
    elif shown:
        st.caption(
            _(
                "Choose a run by the box before it, or several to compare them. By keyboard: arrow "
                "keys to a row, then Shift and Space."
            )
        )
    else:
        st.info(_("No run is like that."), icon=":material/search_off:")


def show_bulk_actions(records: Sequence[RunRecord]) -> None:
    """Offer to compare or to delete several runs."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(_("**{runs:,} runs chosen**", runs=len(records)), width="stretch")
        if st.button(_("Compare"), type="primary", icon=":material/compare:", key="runs_compare"):
            ids = ",".join(record.id for record in records)
            st.switch_page("pages/compare.py", query_params={"runs": ids})
        offer_deletion(records)


@st.fragment(run_every=POLL_SECONDS)
def rerun_on_change(states: dict[str, str]) -> None:
    """Draw the page again when an unfinished run is new or has another state."""
    with show_errors():
        now = {run.id: run.state for run in session.list_runs(UNFINISHED_STATES)}
    if now != states:
        st.rerun()


draw()
