"""A run as it happens: state, progress, live curves, and the proof of what was frozen."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import caches
from pages.shared.layout import (
    escape_markdown,
    format_duration,
    offer_next_page,
    show_errors,
    show_figure,
    show_problem,
)
from pages.shared.live_chart import show_live_charts
from transfer_core.figures.curves import build_curve_traces, describe_curves, tabulate_epochs
from transfer_core.figures.network import describe_change, describe_network, plot_network
from transfer_core.runs.store.events import find_last_event
from transfer_core.runs.store.records import RunEvent, RunRecord
from transfer_core.training.events import (
    Ended,
    EpochEnded,
    MemoryShort,
    Preparing,
    StageChange,
    Started,
    Stepped,
)

REDRAW_SECONDS = 1.0  # seconds
STATE_LABELS = {
    "queued": (":material/hourglass_empty:", "Waiting for its turn"),
    "preparing": (":material/photo_library:", "Preparing the images"),
    "training": (":material/model_training:", "Training"),
    "stopping": (":material/pause_circle:", "Stopping; what was learned is kept"),
    "stopped": (":material/stop_circle:", "Stopped"),
    "finished": (":material/task_alt:", "Finished"),
    "failed": (":material/error:", "Failed"),
    "interrupted": (":material/power_off:", "Interrupted: the server ended meanwhile"),
}
END_REASON_LABELS = {
    "all epochs": "Trained to the end",
    "early stopping": "Ended early, as the validation loss had clearly risen,",
    "stopped": "Stopped by hand",
    "diverged": "Ended because the loss grew beyond all numbers,",
}


def show_run(run_id: str) -> RunRecord:
    """Everything about one run, redrawn each second while it is not over."""
    with show_errors():
        record = caches.engine().get(run_id)
        strategy, source = record.config.strategy, record.config.source()
    st.subheader(escape_markdown(record.name), anchor=False)
    st.caption(
        f"{strategy.case.title}, from: {escape_markdown(source.title)}, {strategy.initialise} weights, "
        f"frozen: {source.format_titles(strategy.frozen)}; {source.input_size} pixels a side. "
        "Whoever reaches this server can watch the run at this address."
    )
    if record.state.is_final:
        _draw(record)
        _draw_end(record)
    else:
        _watch(run_id)
    return record


@st.fragment(run_every=REDRAW_SECONDS)
def _watch(run_id: str) -> None:
    with show_errors():
        record = caches.engine().get(run_id)
    if record.state.is_final:
        st.rerun()  # once: the page then draws the end, without a timer
    if st.button("Stop and keep what was learned", icon=":material/stop:", key="train_stop"):
        caches.engine().stop(run_id)
    _draw(record)


def _draw(record: RunRecord) -> None:
    events = caches.run_log(record.id).events()
    _draw_progress(record, events)
    if find_last_event(events, Started) is None:
        if not record.state.is_final:
            st.caption("The curves begin with the first step.")
        return
    show_curves(record.id)
    epoch = find_last_event(events, EpochEnded)
    if epoch and not record.state.is_final:
        rows = [f"- {change.stage}: {_describe_change(change)}" for change in epoch.changes]
        with st.expander("How far each layer has moved since the start"):
            st.markdown("\n".join(rows))


def show_curves(run_id: str) -> None:
    """Loss and accuracy of a run, as far as it has come."""
    log = caches.run_log(run_id)
    events = log.events()
    charts, words = (
        log.compute_once(build_curve_traces, events),
        log.compute_once(describe_curves, events),
    )
    show_live_charts(
        [
            {"title": "Loss", "x": "epoch", "y": "loss (nats per image)", "traces": charts["loss"]},
            {"title": "Accuracy", "x": "epoch", "y": "accuracy (%)", "traces": charts["accuracy"]},
        ],
        words,
        key=f"curves_{run_id}",
    )
    st.caption(words)


def _draw_progress(record: RunRecord, events: Sequence[RunEvent]) -> None:
    icon, words = STATE_LABELS[record.state]
    started, step = find_last_event(events, Started), find_last_event(events, Stepped)
    work, memory = find_last_event(events, Preparing), find_last_event(events, MemoryShort)
    share = 0.0
    if record.state == "queued":
        place = caches.engine().queue_position(record.id)
        words += f": number {place} in the queue" if place else ""
    elif record.state == "preparing" and work:
        share, words = work.done / work.total, f"{work.what}: {work.done:,} of {work.total:,}"
    elif started and step:
        share = min(1.0, step.epoch / started.epochs)
    if record.state == "finished":
        share = 1.0
    if record.state == "stopped":
        words += "; what was learned until then was kept" if record.result else " before it began"
    st.progress(share, text=f"{icon} {words}")
    if memory:
        st.caption(
            f"The memory does not hold a whole batch: {memory.images} images "
            "pass through the network at a time, and each step still learns from all of them."
        )
    figures = st.columns(4)
    if not (started and step):
        step = None
    limit = f", at most {started.epochs}" if started else ""
    figures[0].metric(f"Epoch{limit}", f"{step.epoch:.1f}" if step else "–")
    figures[1].metric("Training images", f"{started.train_images:,}" if started else "–")
    figures[2].metric(
        "Images per second",
        f"{step.images_per_second:,.0f}" if step else "–",
        help="While learning; validating after each epoch comes on top.",
    )
    left = format_duration(step.seconds_left) if step and not record.state.is_final else "–"
    figures[3].metric(
        "Time left, at most", left, help="Until the last epoch; early stopping may end it sooner."
    )


def _draw_end(record: RunRecord) -> None:
    events = caches.run_log(record.id).events()
    if record.error:
        show_problem(record.error.problem, record.error.found, record.error.remedy)
    _offer_resume(record)
    ended = find_last_event(events, Ended)
    if ended:
        reason = END_REASON_LABELS[ended.reason]
        if ended.reason == "early stopping" and not ended.best_epoch:
            reason = "Ended early, as no epoch came below the new layer trained alone,"
        st.write(
            f"{reason} after {ended.epochs} epochs and "
            f"{format_duration(ended.seconds)}; {_describe_kept_weights(record, ended)}."
        )
        if ended.explanation:
            st.caption(f"Why it ended: {ended.explanation}.")
    if record.result:
        offer_next_page("Go on: the result", "pages/results.py", run=record.id)
    if ended:
        show_layer_changes(record, ended)
    if table := tabulate_epochs(events):
        with st.expander("All epochs as a table"):
            st.dataframe(table, hide_index=True, width="stretch")


def _offer_resume(record: RunRecord) -> None:
    """A button that continues an interrupted run, if it left a checkpoint."""
    with show_errors():
        epoch = caches.engine().find_resume_epoch(record.id)
    if epoch is None:
        return
    if st.button(f"Resume from epoch {epoch}", icon=":material/resume:", key="train_resume"):
        with show_errors():
            caches.engine().resume(record.id)
        st.rerun()


def describe_fall_back(record: RunRecord) -> str:
    """Say that a run kept the head that was trained alone; "" if it did not, or is not known."""
    strategy = record.config.strategy
    if record.is_imported or strategy.frozen or strategy.initialise == "random":
        return ""
    ended = find_last_event(caches.run_log(record.id).events(), Ended)
    if not ended or ended.best_epoch:
        return ""
    why = "the run was stopped before an epoch of training everything had ended"
    if ended.best_epoch == 0:  # of a run by version 2 or earlier
        why = "no epoch of training everything had a lower validation loss"
    return f"What was kept, and tested, is the new layer trained alone, as in case 1: {why}."


def _describe_kept_weights(record: RunRecord, ended: Ended) -> str:
    if ended.best_epoch:
        return f"the weights are those of epoch {ended.best_epoch}"
    if not record.result:
        return "no epoch had ended, so nothing was learned"
    return "the weights are those of the new layer trained alone, as in case 1"


def show_layer_changes(record: RunRecord, ended: Ended) -> None:
    """The network with each layer's measured change.

    Args:
        record: The run.
        ended: The end of its training.
    """
    from transfer_core.networks.surgery import resolve_effective_strategy

    source = record.config.source()
    strategy = resolve_effective_strategy(source, record.config.strategy, ended.best_epoch)
    classes = len(record.result.per_class) if record.result else 2
    parts = caches.describe_layers(source.name, strategy, classes, source.input_size)
    show_figure(
        plot_network(parts, ended.changes),
        describe_network(parts, ended.changes),
        key=f"proof_{record.id}",
        caption=False,
    )


def _describe_change(change: StageChange) -> str:
    return describe_change(change) + (" (frozen)" if change.frozen else "")
