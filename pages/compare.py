"""Compare: some runs side by side, and whether the difference between them is real."""

from datetime import datetime

import streamlit as st

from pages.shared import caches, session
from pages.shared.comparing import LETTERS, curves, is_it_real, outcomes, settings
from pages.shared.layout import address, page_title, shown_errors, stop_unless
from transfer_core.runs.store.records import RunRecord


def label(record: RunRecord) -> str:
    """A run, told from others of its name."""
    accuracy = f", {record.result['accuracy']:.1%}" if record.result else f", {record.state.value}"
    when = datetime.fromtimestamp(record.created).strftime("%d %b %H:%M:%S")
    return f"{record.name}, {when}{accuracy}"


page_title("Compare", "pages/compare.py")
with shown_errors():
    records = {record.id: record for record in caches.engine().list_runs()}
stop_unless(len(records) > 1, "Train at least two runs first.", "pages/start.py", "Start")
asked = session.chosen_runs()
known = [run_id for run_id in asked if run_id in records][: len(LETTERS)]
if gone := len([run_id for run_id in asked if run_id not in records]):
    st.warning(
        f"{gone} of the runs at this address {'is' if gone == 1 else 'are'} not here: deleted, or "
        "of another computer.", icon=":material/link_off:",
    )  # fmt: skip
chosen = st.multiselect(
    "Runs to compare; the first is what the others are compared with", list(records), known,
    format_func=lambda run_id: label(records[run_id]), max_selections=len(LETTERS),
    key=f"compare_runs_{','.join(known)}", placeholder="choose at least two", select_all=False,
)  # fmt: skip
if chosen != known:
    session.choose_runs(chosen)
    st.rerun()
session.choose_runs(chosen)
stop_unless(len(chosen) > 1, "Choose at least two runs, here or in the table.", "pages/runs.py",
            "See runs")  # fmt: skip
runs = {letter: records[run_id] for letter, run_id in zip(LETTERS, chosen, strict=False)}
names = caches.data_names()
outcomes(runs, names)
st.header("Is the difference real?", anchor=False)
is_it_real(runs)
st.header("Curves", anchor=False)
with shown_errors():
    curves(runs)
st.header("Settings", anchor=False)
settings(runs, names)
st.header("Share this comparison", anchor=False)
st.caption("Whoever reaches this server sees the same at this address.")
st.code(address(runs=",".join(chosen)), language=None, wrap_lines=True)
