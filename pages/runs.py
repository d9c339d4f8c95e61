"""Runs: everything that was trained here, newest first."""

from datetime import datetime

import streamlit as st

from pages.shared import caches
from pages.shared.layout import literal, page_title, shown_errors, stop_unless
from pages.shared.live_run import STATES

SHOWN = 50  # runs

page_title("Runs", "pages/runs.py")
with shown_errors():
    records = caches.engine().list_runs()
stop_unless(records, "Nothing was trained here yet.", "pages/start.py", "Start")
for record in records[:SHOWN]:
    icon, words = STATES[record.state]
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        when = datetime.fromtimestamp(record.created).strftime("%d %b %H:%M")
        told = f"test accuracy **{record.result['accuracy']:.1%}**" if record.result else words
        st.markdown(f"{icon} **{literal(record.name)}**  \n{when}, {told}", width="stretch")
        st.page_link(
            "pages/train.py",
            label="Curves",
            icon=":material/show_chart:",
            query_params={"run": record.id},
        )
        if record.result:
            st.page_link(
                "pages/results.py",
                label="Result",
                icon=":material/fact_check:",
                query_params={"run": record.id},
            )
if len(records) > SHOWN:
    st.caption(f"The newest {SHOWN} of {len(records):,} runs.")
