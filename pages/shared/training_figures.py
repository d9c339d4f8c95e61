"""Figures of a training: the curves, and how far each layer has moved."""

import streamlit as st

from pages.shared import caches
from pages.shared.layout import show_figure
from pages.shared.live_chart import show_live_charts
from transfer_core.figures import (
    build_curve_traces,
    describe_curves,
    describe_network,
    plot_network,
)
from transfer_core.runs import RunRecord
from transfer_core.training import Ended


def show_curves(run_id: str) -> None:
    """Draw loss and accuracy of a run, as far as it has come."""
    log = caches.get_run_log(run_id)
    events = log.events()
    charts = log.compute_once(build_curve_traces, events)
    description = log.compute_once(describe_curves, events)
    show_live_charts(
        [
            {"title": "Loss", "x": "epoch", "y": "loss (nats per image)", "traces": charts["loss"]},
            {"title": "Accuracy", "x": "epoch", "y": "accuracy (%)", "traces": charts["accuracy"]},
        ],
        description,
        key=f"curves_{run_id}",
    )
    st.caption(description)


def show_layer_changes(record: RunRecord, ended: Ended) -> None:
    """Draw the network with each layer's measured change.

    Args:
        record: The run.
        ended: The end of its training.
    """
    from transfer_core.networks import resolve_effective_strategy

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
