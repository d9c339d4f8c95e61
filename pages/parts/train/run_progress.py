"""Progress of a run: its state, a progress bar, and below the curves four numbers."""

from functools import partial

import streamlit as st

from pages.shared import caches
from pages.shared.layout import format_duration
from pages.shared.run_states import describe_state
from transfer_core.languages import _
from transfer_core.networks import trains_head_only
from transfer_core.runs import (
    EventLog,
    RunRecord,
    find_last_event,
    measure_progress,
    translate_record_text,
)
from transfer_core.training import MemoryShort, Preparing, RuntimeChosen, Started, Stepped


def show_progress_of_run(record: RunRecord, events: EventLog) -> None:
    """Draw the state and the progress bar of a run."""
    share, words = _describe_progress(record, events)
    st.progress(share, text=f"{describe_state(record)[0]} {words}")


def show_numbers(record: RunRecord, events: EventLog) -> None:
    """Draw the numbers of a run, and how its images are worked through."""
    _show_metrics(record, events)
    if memory := find_last_event(events, MemoryShort):
        st.caption(
            _(
                "A whole batch does not fit into memory: {images} images pass through the network "
                "at a time, and each step still learns from all of them.",
                images=memory.images,
            )
        )
    if runtime := find_last_event(events, RuntimeChosen):
        st.caption(
            _("Before training, each image went through the network once; its features were kept."),
            help=runtime.describe(),
        )


def _describe_progress(record: RunRecord, events: EventLog) -> tuple[float, str]:
    """Return the completed share of the run, in [0, 1], and its current step in words."""
    words, work = describe_state(record)[1], find_last_event(events, Preparing)
    share = measure_progress(record.state, partial(find_last_event, events))
    match record.state:
        case "queued":
            return 0.0, _describe_wait(record.id, _describe_interruption(record) or words)
        case "preparing" if work and work.total == 1:
            return share, translate_record_text(work.what)
        case "preparing" if work:
            what = translate_record_text(work.what)
            return share, _(
                "{what}: {done:,} of {total:,}", what=what, done=work.done, total=work.total
            )
        case "finished":
            return 1.0, words
        case "stopped":
            words = (
                _("Stopped; what was learned until then was kept")
                if record.result
                else _("Stopped before it began")
            )
    return share, words


def _describe_interruption(record: RunRecord) -> str:
    """Say from where a waiting run goes on that had begun before; "" of one that had not."""
    if not record.attempt:
        return ""
    if epoch := caches.get_engine().directory(record.id).find_resume_epoch():
        return _("Interrupted; goes on from epoch {epoch}", epoch=epoch)
    return _("Interrupted; goes on where it was")


def _describe_wait(run_id: str, words: str) -> str:
    """Add a run's place in the queue, and how long it is expected to wait there."""
    from transfer_core.timing import TimeRange, describe_time_range  # brings torch

    engine = caches.get_engine()
    if not (place := engine.queue_position(run_id)):
        return words
    words = _("{state}: number {place} in the queue", state=words, place=place)
    if (seconds := engine.forecast_wait(run_id)) is None:
        return words
    time = describe_time_range(TimeRange(seconds, seconds))
    return _("{wait}, about {time} until it starts", wait=words, time=time)


def _format_epoch(record: RunRecord, step: Stepped | None) -> str:
    if step is None:
        return "–"
    # The epoch in which a run was stopped does not count.
    return str(int(step.epoch)) if record.state.is_final else _("{epoch:.1f}", epoch=step.epoch)


def _show_metrics(record: RunRecord, events: EventLog) -> None:
    started, step = find_last_event(events, Started), find_last_event(events, Stepped)
    epoch = _("Epoch, at most {epochs}", epochs=started.epochs) if started else _("Epoch")
    left = format_duration(step.seconds_left) if step and not record.state.is_final else "–"
    images = _("{n:,}", n=started.train_images) if started else "–"
    label, about = _name_speed(record)
    speed = _("{n:,.0f}", n=step.images_per_second) if step else "–"
    with st.container(horizontal=True):
        st.metric(epoch, _format_epoch(record, step))
        st.metric(_("Training images"), images)
        st.metric(label, speed, help=about)
        st.metric(
            _("Time left, about"),
            left,
            help=_("Until the last epoch; early stopping may end it sooner."),
        )


def _name_speed(record: RunRecord) -> tuple[str, str]:
    """Name what is counted each second, and explain it."""
    if trains_head_only(record.config.source(), record.config.strategy):
        return _("Features per second"), _(
            "Each image went through the frozen layers once, before. The new layer learns from "
            "the features that they gave."
        )
    return _("Images per second"), _("While learning; validating after each epoch comes on top.")
