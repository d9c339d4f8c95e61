"""Progress of a run: its state, a progress bar, and below the curves four numbers."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import caches
from pages.shared.layout import format_duration
from pages.shared.run_states import STATE_LABELS
from transfer_core.networks import trains_head_only
from transfer_core.runs import RunEvent, RunRecord, find_last_event
from transfer_core.training import MemoryShort, Preparing, RuntimeChosen, Started, Stepped


def show_progress_of_run(record: RunRecord, events: Sequence[RunEvent]) -> None:
    """Draw the state and the progress bar of a run."""
    share, words = _describe_progress(record, events)
    st.progress(share, text=f"{STATE_LABELS[record.state][0]} {words}")


def show_numbers(record: RunRecord, events: Sequence[RunEvent]) -> None:
    """Draw the numbers of a run, and how its images are worked through."""
    _show_metrics(record, events)
    if memory := find_last_event(events, MemoryShort):
        st.caption(
            f"A whole batch does not fit into memory: {memory.images} images pass through the "
            "network at a time, and each step still learns from all of them."
        )
    if runtime := find_last_event(events, RuntimeChosen):
        st.caption(runtime.describe())


def _describe_progress(record: RunRecord, events: Sequence[RunEvent]) -> tuple[float, str]:
    """Return the completed share of the run, in [0, 1], and its current step in words."""
    words = STATE_LABELS[record.state][1]
    match record.state:
        case "queued":
            place = caches.get_engine().queue_position(record.id)
            return 0.0, words + (f": number {place} in the queue" if place else "")
        case "preparing" if (work := find_last_event(events, Preparing)) and work.total == 1:
            return work.done, work.what
        case "preparing" if work := find_last_event(events, Preparing):
            return work.done / work.total, f"{work.what}: {work.done:,} of {work.total:,}"
        case "finished":
            return 1.0, words
        case "stopped":
            words += (
                "; what was learned until then was kept" if record.result else " before it began"
            )
    started, step = find_last_event(events, Started), find_last_event(events, Stepped)
    return (min(1.0, step.epoch / started.epochs) if started and step else 0.0), words


def _format_epoch(record: RunRecord, step: Stepped | None) -> str:
    if step is None:
        return "–"
    # The epoch in which a run was stopped does not count.
    return str(int(step.epoch)) if record.state.is_final else f"{step.epoch:.1f}"


def _show_metrics(record: RunRecord, events: Sequence[RunEvent]) -> None:
    started = find_last_event(events, Started)
    step = find_last_event(events, Stepped) if started else None
    limit = f", at most {started.epochs}" if started else ""
    left = format_duration(step.seconds_left) if step and not record.state.is_final else "–"
    figures = st.columns(4)
    figures[0].metric(f"Epoch{limit}", _format_epoch(record, step))
    figures[1].metric("Training images", f"{started.train_images:,}" if started else "–")
    label, about = _name_speed(record)
    figures[2].metric(label, f"{step.images_per_second:,.0f}" if step else "–", help=about)
    figures[3].metric(
        "Time left, at most", left, help="Until the last epoch; early stopping may end it sooner."
    )


def _name_speed(record: RunRecord) -> tuple[str, str]:
    """Name what is counted each second, and explain it."""
    if trains_head_only(record.config.source(), record.config.strategy):
        return "Features per second", (
            "Each image went through the frozen layers once, before. The new layer learns from "
            "the features that they gave."
        )
    return "Images per second", "While learning; validating after each epoch comes on top."
