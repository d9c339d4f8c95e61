"""The end of a run: the reason, the link to its result, and its last measurements."""

import streamlit as st

from pages.parts.train.run_progress import show_progress_of_run
from pages.shared import caches, session
from pages.shared.layout import format_duration, offer_next_page, show_errors, show_problem
from transfer_core.figures import tabulate_epochs
from transfer_core.languages import N_, _, ngettext
from transfer_core.runs import EventLog, RunRecord, find_last_event, translate_record_text
from transfer_core.training import Ended, describe_early_stop

END_REASON_LABELS = {
    "all epochs": N_("Trained to the end {when}; {kept}."),
    "early stopping": N_("Ended early, by its validation loss, {when}; {kept}."),
    "stopped": N_("Stopped by hand {when}; {kept}."),
    "diverged": N_("Ended because the loss grew beyond all numbers, {when}; {kept}."),
}


def show_end(record: RunRecord, events: EventLog) -> None:
    """Say why a run ended, and lead on to its result."""
    if record.error:
        error = record.error
        show_problem(*map(translate_record_text, (error.problem, error.found, error.remedy)))
    if session.is_own_run(record):
        _offer_resume(record)
    words, on = st.columns([3, 1], vertical_alignment="bottom")
    with words:
        show_progress_of_run(record, events)
        if ended := find_last_event(events, Ended):
            _explain_end(record, ended)
    if record.result:
        with on:
            offer_next_page(_("Go on: the result"), "pages/results.py", run=record.id)


def _explain_end(record: RunRecord, ended: Ended) -> None:
    """Say when and why the training ended, which weights were kept, and what the run took."""
    strategy, why = record.config.strategy, None
    if ended.epochs:
        when = ngettext("after {n} epoch", "after {n} epochs", ended.epochs)
    else:
        trained = _(strategy.what_is_trained)
        when = _("before an epoch of training {what} had ended", what=trained)
    if ended.reason == "early stopping":
        reason = describe_early_stop(strategy.optimiser.patience)
        why = _("Why it ended: {reason}.", reason=reason)
    kept = _describe_kept_weights(record, ended)
    words = _(END_REASON_LABELS[ended.reason], when=when, kept=kept)
    if record.seconds is not None:
        took = format_duration(record.seconds)
        words += " " + _("The run took {took}, with preparing and testing.", took=took)
    st.markdown(words, help=why)


def show_epochs(events: EventLog) -> None:
    """Draw the measurements of all epochs as a table, folded."""
    if table := tabulate_epochs(events):
        with st.expander(_("All epochs as a table")):
            st.dataframe(table, hide_index=True, width="stretch")


def _offer_resume(record: RunRecord) -> None:
    """Offer to continue an interrupted run, if it left something to continue from."""
    with show_errors():
        epoch = caches.get_engine().find_resume_epoch(record.id)
    if epoch is None:
        return
    label = _("Resume from epoch {epoch}", epoch=epoch) if epoch else _("Resume where it was")
    if st.button(label, icon=":material/resume:", key="train_resume"):
        with show_errors():
            caches.get_engine().resume(session.own_run(record.id))
        st.rerun()


def _describe_kept_weights(record: RunRecord, ended: Ended) -> str:
    if ended.keeps_mixture(record.config.strategy.optimiser.interpolation):
        return _describe_mixture(ended)
    if ended.best_epoch:
        return _("the weights are those of epoch {epoch}", epoch=ended.best_epoch)
    if not record.result:
        return _("no epoch had ended, so nothing was learned")
    return _("the weights are those of the new layer trained alone, as far as it had come")


def _describe_mixture(ended: Ended) -> str:
    words = _(
        "the weights lie between those it began with and those of epoch {epoch}",
        epoch=ended.epochs,
    )
    if ended.validation_accuracy is None:
        return words
    right = _("right on {share:.1%} of the validation images", share=ended.validation_accuracy)
    return f"{words}, {right}"
