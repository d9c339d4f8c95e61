"""One click to a live run: a built-in sample, its case, and the demonstration network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import session
from pages.shared.launching import start_run
from pages.shared.layout import show_errors
from pages.shared.progress import show_progress
from transfer_core import dataset, networks
from transfer_core.cases import Strategy, TransferCase, plan_strategy
from transfer_core.dataset import SAMPLES, samples
from transfer_core.system import get_home

if TYPE_CHECKING:
    from transfer_core.dataset import DataSet

CLICK = "live"  # part of the address while a sample is read


def get_demonstration_network() -> networks.SourceNetwork:
    """The network that the samples start with; its weights are part of the program."""
    return networks.get_network(networks.DEFAULT_NETWORK)


def plan_case(case: TransferCase) -> Strategy:
    """The strategy of a case on the demonstration network."""
    source = get_demonstration_network()
    return plan_strategy(case, source.stage_names, kind=source.kind)


def find_interrupted() -> str | None:
    """The sample that was asked for just before the page was loaded again, by the same click.

    A link of somebody else starts nothing, nor does going back in the same session.
    """
    asked, __, signature = (session.get_requested(CLICK) or "").rpartition(".")
    session.write_to_url(CLICK, None)
    name, __, key = asked.partition(".")
    if session.get_journey().followed or name not in SAMPLES or signature != session.sign(asked):
        return None
    session.change(start_key=key)
    return name


def start_sample(name: str) -> None:
    """Read a sample, start a run of its case, and go to it."""
    sample, key = SAMPLES[name], session.get_journey().start_key
    asked = f"{name}.{key}"
    session.write_to_url(CLICK, f"{asked}.{session.sign(asked)}")
    with show_errors(), show_progress() as report:
        data = read_sample(name, report)
        session.change(data_id=data.id, network=None, run_id=None)
        strategy = plan_case(TransferCase(sample.case))
        run_id = start_run(data, get_demonstration_network(), strategy, 0, key=key)
        session.change(start_key=session.make_key(), followed=run_id)
    st.switch_page("pages/train.py", query_params=session.make_query(run=run_id, data=data.id))


def read_sample(name: str, report) -> DataSet:
    """Read a sample into the store; what was read before is found again."""
    home = get_home()
    path = samples.resolve_path(f"sample:{name}", home, progress=report)
    data = dataset.ingest(path, home=home, name=SAMPLES[name].title, progress=report)
    session.take_in(data.id)
    return data
