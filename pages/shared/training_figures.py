"""Figures of a training: the curves, and the network with how far each layer has moved."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.live_chart import show_live_charts
from pages.shared.network_drawing import make_drawing, show_network
from transfer_core.errors import DataSetError
from transfer_core.figures import build_curve_traces, describe_curves, translate_traces
from transfer_core.languages import _
from transfer_core.networks import resolve_effective_strategy
from transfer_core.runs import RunRecord, find_last_event
from transfer_core.training import Ended, EpochEnded, Started

SECONDS_TO_FOLLOW = 10.0  # at least, from the first point of a followed run to its last


def show_curves(run_id: str) -> None:
    """Draw loss and accuracy of a run, as far as it has come."""
    log = caches.get_run_log(run_id)
    events = log.events()
    charts = translate_traces(log.compute_once(build_curve_traces, events))
    description = describe_curves(events)
    followed = session.get_journey().followed == run_id
    ended = find_last_event(events, Ended)
    epochs = (ended or find_last_event(events, Started)).epochs if followed else None
    show_live_charts(
        [
            {
                "title": _("Loss"),
                "x": _("epoch"),
                "y": _("loss: lower is better"),
                "traces": charts["loss"],
            },
            {
                "title": _("Accuracy"),
                "x": _("epoch"),
                "y": _("accuracy (%)"),
                "traces": charts["accuracy"],
            },
        ],
        description,
        key=f"curves_{run_id}",
        pace={"run": run_id, "epochsPerSecond": epochs / SECONDS_TO_FOLLOW} if followed else None,
    )
    st.caption(description)
    if followed and ended:
        st.caption(_("Drawn more slowly than it learned, so that you can follow."))


def show_run_network(record: RunRecord, *, play: bool = False) -> None:
    """Draw the network of a run; what moved since the start glows, as far as it was measured.

    Args:
        record: The run.
        play: Whether to show once how the network was fitted to the classes.
    """
    classes, picture = _find_classes_and_picture(record)
    if not classes:
        return
    events = caches.get_run_log(record.id).events()
    ended, epoch = find_last_event(events, Ended), find_last_event(events, EpochEnded)
    source, strategy = record.config.source(), record.config.strategy
    if ended:
        strategy = resolve_effective_strategy(source, strategy, ended.best_epoch)
    measured = ended or epoch
    show_network(
        make_drawing(source, strategy, classes, measured.changes if measured else None),
        key=f"network_{record.id}",
        image=picture,
        play=record.id if play else None,
        learning=not record.state.is_final,
    )


def _find_classes_and_picture(record: RunRecord) -> tuple[tuple[str, ...], bytes | None]:
    """Names of a run's classes and one of its images, as far as they are still known."""
    try:
        data = caches.load_data_set(record.config.data_id)
        return data.classes, caches.render_tile(data.id, 0)
    except DataSetError:  # removed meanwhile, or never here
        result = record.result
        return tuple(each.name for each in result.per_class) if result else (), None
