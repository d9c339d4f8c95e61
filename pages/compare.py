"""Compare: some runs side by side, and whether the difference between them is real."""

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from pages.parts.compare.comparison import (
    RUN_LETTERS,
    show_outcomes,
    show_overlaid_curves,
    show_settings_table,
    show_significance,
)
from pages.shared import caches, session
from pages.shared.layout import build_page_url, show_errors, show_page_title, stop_unless
from transfer_core.runs import RunRecord


def draw() -> None:
    """Draw the page."""
    show_page_title("Compare", "pages/compare.py")
    with show_errors():
        records = {record.id: record for record in caches.get_engine().list_runs()}
    stop_unless(len(records) > 1, "Train at least two runs first.", "pages/start.py", "Start")
    chosen = choose_runs(records)
    message = "Choose at least two runs, here or in the table."
    stop_unless(len(chosen) > 1, message, "pages/runs.py", "See runs")
    runs = {letter: records[run_id] for letter, run_id in zip(RUN_LETTERS, chosen, strict=False)}
    names = caches.list_names()
    show_outcomes(runs, names)
    st.header("Is the difference real?", anchor=False)
    show_significance(runs)
    st.header("Curves", anchor=False)
    with show_errors():
        show_overlaid_curves(runs)
    st.header("Settings", anchor=False)
    show_settings_table(runs, names)
    st.header("Share this comparison", anchor=False)
    st.caption("Anyone who can reach this server sees the same at this address.")
    st.code(build_page_url(runs=",".join(chosen)), language=None, wrap_lines=True)


def choose_runs(records: Mapping[str, RunRecord]) -> list[str]:
    """Let runs be chosen, at first those of the address; returns their ids."""
    wanted = session.get_chosen_runs()
    known = [run_id for run_id in wanted if run_id in records][: len(RUN_LETTERS)]
    if missing := len([run_id for run_id in wanted if run_id not in records]):
        st.warning(
            f"{missing} of the runs at this address {'is' if missing == 1 else 'are'} not here: "
            "deleted, or of another computer.",
            icon=":material/link_off:",
        )
    chosen = st.multiselect(
        "Runs to compare; the first is what the others are compared with",
        list(records),
        known,
        format_func=lambda run_id: label_run(records[run_id]),
        max_selections=len(RUN_LETTERS),
        key=f"compare_runs_{','.join(known)}",
        placeholder="choose at least two",
        select_all=False,
    )
    session.choose_runs(chosen)
    if chosen != known:
        st.rerun()
    return chosen


def label_run(record: RunRecord) -> str:
    """Name, date and accuracy of a run, since several runs can have one name."""
    accuracy = f", {record.result.accuracy:.1%}" if record.result else f", {record.state.value}"
    when = datetime.fromtimestamp(record.created).strftime("%d %b %H:%M:%S")
    return f"{record.name}, {when}{accuracy}"


draw()
