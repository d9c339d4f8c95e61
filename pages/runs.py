"""Runs: everything that was trained here; find it, note it, compare it, repeat it, delete it."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import page_title, shown_errors
from pages.shared.run_details import delete_button, deleted_runs, run_details, undo_deletion
from pages.shared.runs_table import filtered, runs_table, tags_of
from transfer_core.runs.engine.recovery import UNFINISHED
from transfer_core.runs.store.records import RunRecord

LOOK = 2.0  # seconds between looks at runs that are not over


@st.fragment(run_every=LOOK)
def look_again(states: dict[str, str]) -> None:
    """Draw the page anew when an unfinished run is new or has another state."""
    with shown_errors():
        now = {run.id: run.state for run in caches.engine().store.list(states=UNFINISHED)}
    if now != states:
        st.rerun()


def ways_on(chosen: list[RunRecord]) -> None:
    """What can be done with several runs."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(chosen)} runs chosen**", width="stretch")
        if st.button("Compare", type="primary", icon=":material/compare:", key="runs_compare"):
            ids = ",".join(record.id for record in chosen)
            st.switch_page("pages/compare.py", query_params={"runs": ids})
        delete_button(chosen)


page_title("Runs", "pages/runs.py")
with shown_errors():
    records = caches.engine().list_runs()
undo_deletion()
if not records:
    st.info("Nothing was trained here yet.", icon=":material/info:")
    st.page_link("pages/start.py", label="Start", icon=":material/arrow_forward:")
    deleted_runs()
    st.stop()
names = caches.data_names()
shown = filtered(records, names)
ids = runs_table(shown, names, session.chosen_runs()) if shown else ()
session.choose_runs(ids)
by_id = {record.id: record for record in shown}
chosen = [by_id[run_id] for run_id in ids]  # as they were chosen: the first is compared with
if len(chosen) == 1:
    run_details(chosen[0], tags_of(records))
elif chosen:
    ways_on(chosen)
elif shown:
    st.caption(
        "Choose a run by the box before it, or several to compare them. By keyboard: arrow keys "
        "to a row, then Shift and Space."
    )
else:
    st.info("No run is like that.", icon=":material/search_off:")
deleted_runs()
waiting = {run.id: run.state for run in records if not run.state.over}
if waiting:
    look_again(waiting)
