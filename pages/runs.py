"""Runs: everything that was trained here, newest first."""

from datetime import datetime

import streamlit as st

from pages.shared import caches
from pages.shared.layout import literal, page_title, shown_errors, stop_unless
from pages.shared.live_run import STATES
from transfer_core import networks
from transfer_core.errors import NetworkError
from transfer_core.runs.records import RunRecord
from transfer_core.training.config import RunConfig

SHOWN = 50  # runs


def _accuracy(record: RunRecord) -> str:
    if not record.result:
        return ""
    result = record.result
    return (
        f"; test accuracy **{result['accuracy']:.1%}** "
        f"({result['low']:.0%} to {result['high']:.0%})"
    )


def _settings(config: RunConfig) -> str:
    """What tells a run from its neighbours."""
    strategy, settings = config.strategy, config.strategy.optimiser
    try:
        source = networks.get(config.network)
        network, kept = source.title, source.titles((strategy.keep_through,))
    except NetworkError:  # a person's own weights, removed meanwhile
        network, kept = config.network, strategy.keep_through
    return (
        f"{literal(network)}, kept through {kept}, {strategy.initialise} weights, learning rate "
        f"{settings.learning_rate:g}, at most {settings.epochs} epochs, seed {config.seed}"
    )


page_title("Runs", "pages/runs.py")
with shown_errors():
    records = caches.engine().list_runs()
stop_unless(records, "Nothing was trained here yet.", "pages/start.py", "Start")
st.caption(
    "In brackets the 95 % interval of the accuracy: where two of them overlap widely, the "
    "difference between two runs may be chance."
)
for record in records[:SHOWN]:
    icon, words = STATES[record.state]
    words = "imported in a bundle" if record.imported else words.lower()
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        when = datetime.fromtimestamp(record.created).strftime("%d %b %H:%M")
        st.markdown(
            f"{icon} **{literal(record.name)}**  \n{when}, {words}{_accuracy(record)}  \n"
            f":small[{_settings(record.config)}]",
            width="stretch",
        )
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
