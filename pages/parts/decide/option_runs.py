"""Runs of the options: train one beside the page, and see its result beside the forecast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import session
from pages.shared.choice import Choice, list_runs_of
from pages.shared.launching import start_run
from pages.shared.layout import escape_markdown, show_errors
from transfer_core.dataset import DataSet
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork

if TYPE_CHECKING:
    from transfer_core.runs import RunRecord
    from transfer_core.transferability import Options

POLL_SECONDS = 2.0  # between looks at runs that are not over


def list_option_runs(
    data: DataSet, source: SourceNetwork, options: Options
) -> dict[str, RunRecord]:
    """The newest run of each option on this data set and network that has or will have a result."""
    keys = {option.key for option in options.options}
    runs = sorted(list_runs_of(data, source), key=lambda each: each.created)
    return {run.config.strategy.key: run for run in runs if run.config.strategy.key in keys}


def offer_training(
    data: DataSet, source: SourceNetwork, choice: Choice, runs: Mapping[str, RunRecord]
) -> None:
    """Offer to train the chosen option while this page stays, to see whether it keeps its word."""
    run = runs.get(choice.option.key)
    if run and not run.result:
        return
    label = _("Train it again") if run else _("Train it and compare")
    if st.button(
        label,
        icon=":material/science:",
        key="decide_measure",
        help=_(
            "Trains what is chosen in the background; its result then stands beside the forecast."
        ),
    ):
        with show_errors():
            key = f"{session.get_journey().start_key} {choice.option.key}"
            start_run(data, source, choice.strategy, 0, key=key, option=choice.option)
        session.change(start_key=session.make_key())
        st.rerun()


def show_unfinished(options: Options, runs: Mapping[str, RunRecord]) -> None:
    """Link to the runs that are not over; the page is drawn again when one ends."""
    waiting = {key: run for key, run in runs.items() if not run.result}
    for key, run in waiting.items():
        st.page_link(
            "pages/train.py",
            label=_(
                "{option} is being trained: watch it",
                option=escape_markdown(options.find(key).name),
            ),
            icon=":material/show_chart:",
            query_params={"run": run.id},
        )
    if waiting:
        _rerun_when_over([run.id for run in waiting.values()])


@st.fragment(run_every=POLL_SECONDS)
def _rerun_when_over(run_ids: list[str]) -> None:
    from transfer_core.runs import UNFINISHED_STATES

    with show_errors():
        unfinished = {run.id for run in session.list_runs(UNFINISHED_STATES)}
    if not unfinished.issuperset(run_ids):
        st.rerun()
