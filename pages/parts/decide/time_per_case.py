"""Table of the forecast training time of each case on this computer."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.progress import show_timing
from transfer_core.cases import TransferCase
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import SimilarityEstimate, choose_strategy


def show_time_per_case(data: DataSet, source: SourceNetwork, estimate: SimilarityEstimate) -> None:
    """Draw a table with a row for each case, for the choices made so far."""
    work, rows = session.get_workspace(), []
    st.markdown("**How long would each case take?**")
    with show_timing() as report:
        for case in TransferCase:
            strategy = choose_strategy(
                case, source, estimate, cut=work.cut, initialise=work.initialise
            )
            rows.append(_make_row(case, caches.forecast_run(data.id, source, strategy, report)))
    if len(rows) < len(TransferCase):  # this computer is busy, and nothing was measured before
        return
    st.dataframe(rows, hide_index=True)
    st.caption(
        "Calculated from a few batches that were timed on this computer. The shortest time is for "
        "training that stops as early as it may, the longest for all epochs; other work on this "
        "computer makes it longer."
    )


def _make_row(case: TransferCase, forecast) -> dict[str, str]:
    from transfer_core.timing import describe_time_range  # brings torch

    return {
        "case": case.title,
        "takes in all": forecast.describe(),
        "preparing": describe_time_range(forecast.decoding + forecast.embedding),
        "training": describe_time_range(forecast.training + forecast.validation),
        "testing": describe_time_range(forecast.test),
    }
