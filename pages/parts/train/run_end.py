"""The end of a run: the reason, the link to its result, and its last measurements."""

import streamlit as st

from pages.parts.train.run_progress import show_progress_of_run
from pages.shared import caches
from pages.shared.layout import format_duration, offer_next_page, show_errors, show_problem
from transfer_core.figures import tabulate_epochs
from transfer_core.runs import RunRecord, find_last_event
from transfer_core.training import Ended

END_REASON_LABELS = {
    "all epochs": "Trained to the end",
    "early stopping": "Ended early, by its validation loss,",
    "stopped": "Stopped by hand",
    "diverged": "Ended because the loss grew beyond all numbers,",
}


def show_end(record: RunRecord) -> None:
    """Say why a run ended, and lead on to its result."""
    if record.error:
        show_problem(record.error.problem, record.error.found, record.error.remedy)
    _offer_resume(record)
    words, on = st.columns([3, 1], vertical_alignment="bottom")
    events = caches.get_run_log(record.id).events()
    with words:
        show_progress_of_run(record, events)
        if ended := find_last_event(events, Ended):
            _explain_end(record, ended)
    if record.result:
        with on:
            offer_next_page("Go on: the result", "pages/results.py", run=record.id)


def _explain_end(record: RunRecord, ended: Ended) -> None:
    """Say after how long and why the training ended, and which weights were kept."""
    trained = record.config.strategy.what_is_trained
    epochs = "1 epoch" if ended.epochs == 1 else f"{ended.epochs} epochs"
    when = (
        f"after {epochs} and {format_duration(ended.seconds)}"
        if ended.epochs
        else f"before an epoch of training {trained} had ended"
    )
    why = f"Why it ended: {ended.explanation}." if ended.reason == "early stopping" else None
    kept = _describe_kept_weights(record, ended)
    st.markdown(f"{END_REASON_LABELS[ended.reason]} {when}; {kept}.", help=why)


def show_epochs(record: RunRecord) -> None:
    """Draw the measurements of all epochs as a table, folded."""
    if table := tabulate_epochs(caches.get_run_log(record.id).events()):
        with st.expander("All epochs as a table"):
            st.dataframe(table, hide_index=True, width="stretch")


def _offer_resume(record: RunRecord) -> None:
    """Offer to continue an interrupted run, if it left something to continue from."""
    with show_errors():
        epoch = caches.get_engine().find_resume_epoch(record.id)
    if epoch is None:
        return
    label = f"Resume from epoch {epoch}" if epoch else "Resume after the new layer trained alone"
    if st.button(label, icon=":material/resume:", key="train_resume"):
        with show_errors():
            caches.get_engine().resume(record.id)
        st.rerun()


def _describe_kept_weights(record: RunRecord, ended: Ended) -> str:
    if ended.best_epoch:
        return f"the weights are those of epoch {ended.best_epoch}"
    if not record.result:
        return "no epoch had ended, so nothing was learned"
    return "the weights are those of the new layer trained alone, as far as it had come"
