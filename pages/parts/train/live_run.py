"""A run as it happens: the button that stops it, its progress, and its live curves."""

import streamlit as st

from pages.parts.train.run_end import show_end, show_epochs
from pages.parts.train.run_progress import show_numbers, show_progress_of_run
from pages.shared import caches, session
from pages.shared.case_one import show_if_below_case_one
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.live_pace import draw_again
from pages.shared.sharing import show_shared_note
from pages.shared.training_figures import show_curves, show_run_network
from transfer_core.figures import describe_change
from transfer_core.languages import _
from transfer_core.runs import EventLog, RunRecord, RunState, find_last_event
from transfer_core.training import EpochEnded, StageChange, Started


def show_run(run_id: str) -> RunRecord:
    """Draw everything about one run, again and again until it is over."""
    with show_errors():
        record = session.find_run(run_id)
    st.subheader(escape_markdown(record.name), anchor=False)
    show_shared_note(record)
    if record.state.is_final:
        events = caches.read_events(record)
        show_end(record, events)
        _draw(record, events)
        if record.result and session.is_own_run(record):
            show_if_below_case_one(record)
        show_epochs(events)
    else:
        _watch(run_id)
    _describe_run(record)
    return record


@st.fragment
def _watch(run_id: str) -> None:
    draw_again()
    with show_errors():
        belongings = session.get_belongings()
        record = belongings.get_run(run_id)
    if record.state.is_final:
        st.rerun()  # once: the page then draws the end, without a timer
    events = caches.read_events(record)
    label, icon = _("Stop and keep what was learned"), "stop"
    if record.state is RunState.queued:  # nothing was learned yet, or it stays as it is
        label, icon = _("Take it back"), "undo"
    # Here and below a row in place of columns: each column would be a message more.
    with st.container(horizontal=True, vertical_alignment="bottom"):
        show_progress_of_run(record, events)
        if belongings.is_own_run(record) and st.button(
            label, icon=f":material/{icon}:", key="train_stop"
        ):
            caches.get_engine().stop(belongings.own_run(run_id))
    _draw(record, events)


def _draw(record: RunRecord, events: EventLog) -> None:
    """Draw the network, the curves and the numbers, as far as the run has come."""
    with show_errors():
        show_run_network(record, events, play=not record.state.is_final)
    if not find_last_event(events, Started):
        if not record.state.is_final:
            st.caption(_("The curves begin with the first step."))
        return
    show_curves(record, events)
    show_numbers(record, events)
    epoch = find_last_event(events, EpochEnded)
    if epoch and not record.state.is_final:
        rows = [f"- {change.stage}: {_describe_change(change)}" for change in epoch.changes]
        with st.expander(_("How far each layer has moved since the start")):
            st.markdown("\n".join(rows))


def _describe_change(change: StageChange) -> str:
    words = describe_change(change)
    return _("{change} (frozen)", change=words) if change.frozen else words


def _describe_run(record: RunRecord) -> None:
    """Say, folded, what is trained and who can watch it."""
    with show_errors():
        strategy, source = record.config.strategy, record.config.source()
    with st.expander(_("About this run")):
        st.caption(
            _(
                "{way}, from: {network}, {kind} weights, frozen: {frozen}; {side} pixels a side.",
                way=_(strategy.title),
                network=escape_markdown(source.title),
                kind=_(strategy.initial_weights),
                frozen=source.format_titles(strategy.frozen),
                side=source.input_size,
            )
        )
