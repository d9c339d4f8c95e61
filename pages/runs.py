"""Runs: everything that was trained here; find it, note it, compare it, repeat it, delete it."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import show_errors, show_page_title
from pages.shared.run_details import (
    offer_deletion,
    offer_undo,
    show_deleted_runs,
    show_run_details,
    show_unreadable_runs,
)
from pages.shared.runs_table import collect_tags, show_run_filters, show_runs_table
from transfer_core.runs.store.records import UNFINISHED_STATES, RunRecord

POLL_SECONDS = 2.0  # seconds between looks at runs that are not over


@st.fragment(run_every=POLL_SECONDS)
def rerun_on_change(states: dict[str, str]) -> None:
    """Draw the page anew when an unfinished run is new or has another state."""
    with show_errors():
        now = {run.id: run.state for run in caches.engine().store.list(states=UNFINISHED_STATES)}
    if now != states:
        st.rerun()


def show_bulk_actions(records: list[RunRecord]) -> None:
    """What can be done with several runs."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(records)} runs chosen**", width="stretch")
        if st.button("Compare", type="primary", icon=":material/compare:", key="runs_compare"):
            ids = ",".join(record.id for record in records)
            st.switch_page("pages/compare.py", query_params={"runs": ids})
        offer_deletion(records)


show_page_title("Runs", "pages/runs.py")
with show_errors():
    records = caches.engine().list_runs()
offer_undo()
show_unreadable_runs()
if not records:
    st.info("Nothing was trained here yet.", icon=":material/info:")
    st.page_link("pages/start.py", label="Start", icon=":material/arrow_forward:")
    show_deleted_runs()
    st.stop()
names = caches.list_data_set_names()
shown = show_run_filters(records, names)
ids = show_runs_table(shown, names, session.get_chosen_runs()) if shown else ()
session.choose_runs(ids)
by_id = {record.id: record for record in shown}
chosen = [by_id[run_id] for run_id in ids]  # as they were chosen: the first is compared with
if len(chosen) == 1:
    show_run_details(chosen[0], collect_tags(records))
elif chosen:
    show_bulk_actions(chosen)
elif shown:
    st.caption(
        "Choose a run by the box before it, or several to compare them. By keyboard: arrow keys "
        "to a row, then Shift and Space."
    )
else:
    st.info("No run is like that.", icon=":material/search_off:")
show_deleted_runs()
waiting = {run.id: run.state for run in records if not run.state.is_final}
if waiting:
    rerun_on_change(waiting)
