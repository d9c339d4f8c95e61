"""Figures of a training: the curves, and the network with how far each layer has moved."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import caches, session
from pages.shared.live_chart import show_live_charts
from pages.shared.network_drawing import make_drawing, show_network
from transfer_core.errors import DataSetError
from transfer_core.figures import (
    NetworkDrawing,
    build_curve_traces,
    describe_curves,
    translate_traces,
)
from transfer_core.languages import _, get_language
from transfer_core.networks import resolve_effective_strategy
from transfer_core.runs import EventLog, RunEvent, RunRecord, find_last_event
from transfer_core.training import Ended, EpochEnded, Started

SECONDS_TO_FOLLOW = 10.0  # at least, from the first point of a followed run to its last
LIVE_BUCKETS = 50  # of a curve that is sent again with every redraw, see `decimate`
NETWORK_SECONDS = 5.0  # between drawings of a network that learns; one that stays is not sent


def show_curves(record: RunRecord, events: EventLog) -> None:
    """Draw loss and accuracy of a run, as far as it has come."""
    build = _build_charts if record.state.is_final else _build_live_charts
    charts, description = caches.get_run_log(record.id).compute_once(
        (build, get_language()), build, events
    )
    followed = session.get_journey().followed == record.id
    ended = find_last_event(events, Ended)
    epochs = (ended or find_last_event(events, Started)).epochs if followed else None
    show_live_charts(
        charts,
        description,
        key=f"curves_{record.id}",
        pace={"run": record.id, "epochsPerSecond": epochs / SECONDS_TO_FOLLOW}
        if followed
        else None,
    )
    st.caption(description)
    if followed and ended:
        st.caption(_("Drawn more slowly than it learned, so that you can follow."))


def _build_live_charts(events: Sequence[RunEvent]) -> tuple[list[dict], str]:
    return _build_charts(events, LIVE_BUCKETS)


def _build_charts(events: Sequence[RunEvent], *buckets: int) -> tuple[list[dict], str]:
    """The charts of loss and accuracy, and the same in words."""
    traces = translate_traces(build_curve_traces(events, *buckets))
    words = {
        "loss": (_("Loss"), _("loss: lower is better")),
        "accuracy": (_("Accuracy"), _("accuracy (%)")),
    }
    charts = [
        {"title": title, "x": _("epoch"), "y": y, "traces": traces[what]}
        for what, (title, y) in words.items()
    ]
    return charts, describe_curves(events)


def show_run_network(record: RunRecord, events: EventLog, *, play: bool = False) -> None:
    """Draw the network of a run; what moved since the start glows, as far as it was measured.

    Args:
        record: The run.
        events: What it has reported.
        play: Whether to show once how the network was fitted to the classes.
    """
    classes, picture = _find_classes_and_picture(record)
    if not classes:
        return
    drawing = caches.get_run_log(record.id).compute_once(
        ("network", classes, get_language()),
        lambda events: _build_drawing(record, classes, events),
        events,
        0.0 if record.state.is_final else NETWORK_SECONDS,
    )
    show_network(
        drawing,
        key=f"network_{record.id}",
        image=picture,
        play=record.id if play else None,
        learning=not record.state.is_final,
    )


def _build_drawing(
    record: RunRecord, classes: tuple[str, ...], events: Sequence[RunEvent]
) -> NetworkDrawing:
    ended, epoch = find_last_event(events, Ended), find_last_event(events, EpochEnded)
    source, strategy = record.config.source(), record.config.strategy
    if ended:
        strategy = resolve_effective_strategy(source, strategy, ended.best_epoch)
    measured = ended or epoch
    return make_drawing(source, strategy, classes, measured.changes if measured else None)


def _find_classes_and_picture(record: RunRecord) -> tuple[tuple[str, ...], bytes | None]:
    """Names of a run's classes and one of its images, as far as they are still known."""
    try:
        data = caches.load_data_set(record.config.data_id)
        return data.classes, caches.render_tile(data.id, 0)
    except DataSetError:  # removed meanwhile, or never here
        result = record.result
        return tuple(each.name for each in result.per_class) if result else (), None
