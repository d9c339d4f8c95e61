"""Measure instead of guessing: train both contested cases, and show what was measured."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.launching import start_run
from pages.shared.layout import show_errors
from transfer_core.cases import SizeJudgement, TransferCase
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import SimilarityEstimate, choose_strategy


def offer_measurement(
    data: DataSet, source: SourceNetwork, estimate: SimilarityEstimate, size: SizeJudgement
) -> None:
    """Offer to train the two cases in doubt, and show the accuracies of all runs so far."""
    cases = [case for case in TransferCase if case.size == size.answer]
    unsure = estimate.answer == "can't tell"
    title = "Measure instead of guessing" + (": the estimate can't tell" if unsure else "")
    with st.expander(title, icon=":material/science:", expanded=unsure):
        rows = _list_finished_runs(data, source)
        if rows:
            st.dataframe(rows, hide_index=True)
            st.caption(
                "What was measured outranks the estimate. Choose by the validation accuracy; the "
                "test accuracy is for judging the choice afterwards."
            )
        names = " and ".join(case.title.lower() for case in cases)
        st.write(f"Train {names} on your data with their usual settings, and compare.")
        if st.button("Train both", icon=":material/science:", key="decide_measure"):
            with show_errors():
                _train_cases(data, source, estimate, cases)
            session.change(start_key=session.make_key())
            st.switch_page("pages/runs.py")


def _list_finished_runs(data: DataSet, source: SourceNetwork) -> list[dict[str, str]]:
    """Rows for the finished runs on this data set, best validation accuracy first.

    Runs that were stopped within their first epoch have no validation accuracy and are left out.
    """
    with show_errors():
        records = caches.get_engine().list_runs()
    done = [
        record
        for record in records
        if record.result
        and record.result.validation_accuracy is not None
        and (record.config.data_id, record.config.network) == (data.id, source.name)
    ]
    done.sort(key=lambda record: -record.result.validation_accuracy)
    return [
        {
            "run": record.name,
            "validation accuracy": f"{record.result.validation_accuracy:.1%}",
            "test accuracy": f"{record.result.accuracy:.1%}",
        }
        for record in done
    ]


def _train_cases(
    data: DataSet,
    source: SourceNetwork,
    estimate: SimilarityEstimate,
    cases: list[TransferCase],
) -> None:
    for case in cases:
        # Case 4 from pre-trained weights would be case 3 once more.
        strategy = choose_strategy(case, source, estimate, initialise="random")
        start_run(
            data, source, strategy, 0, key=f"{session.get_workspace().start_key} {case.value}"
        )
