"""A run as it happens: state, progress, live curves, and the proof of what was frozen."""

import streamlit as st

from pages.shared import caches
from pages.shared.layout import duration, explained, go_on, literal, show_problem, shown_errors
from pages.shared.live_chart import live_charts
from transfer_core.figures.curves import curves_table, describe_curves, live_curves
from transfer_core.figures.network import change_in_words, describe_network, network_drawing
from transfer_core.runs.store.records import RunRecord, how_it_ended

REDRAW = 1.0  # seconds
STATES = {
    "queued": (":material/hourglass_empty:", "Waiting for its turn"),
    "preparing": (":material/photo_library:", "Preparing the images"),
    "training": (":material/model_training:", "Training"),
    "stopping": (":material/pause_circle:", "Stopping; what was learned is kept"),
    "stopped": (":material/stop_circle:", "Stopped"),
    "finished": (":material/task_alt:", "Finished"),
    "failed": (":material/error:", "Failed"),
    "interrupted": (":material/power_off:", "Interrupted: the server ended meanwhile"),
}
REASONS = {
    "all epochs": "Trained to the end",
    "early stopping": "Ended early, as the validation loss no longer fell,",
    "stopped": "Stopped by hand",
    "diverged": "Ended because the loss grew beyond all numbers,",
}


def show_run(run_id: str) -> RunRecord:
    """Everything about one run, redrawn each second while it is not over."""
    with shown_errors():
        record = caches.engine().get(run_id)
        strategy, source = record.config.strategy, record.config.source()
    st.subheader(literal(record.name), anchor=False)
    st.caption(
        f"{strategy.case.title}, from: {literal(source.title)}, {strategy.initialise} weights, "
        f"frozen: {source.titles(strategy.frozen)}; {source.input_size} pixels a side. "
        "Whoever reaches this server can watch the run at this address."
    )
    if record.state.over:
        _draw(record)
        _draw_end(record)
    else:
        _watch(run_id)
    return record


@st.fragment(run_every=REDRAW)
def _watch(run_id: str) -> None:
    with shown_errors():
        record = caches.engine().get(run_id)
    if record.state.over:
        st.rerun()  # once: the page then draws the end, without a timer
    if st.button("Stop and keep what was learned", icon=":material/stop:", key="train_stop"):
        caches.engine().stop(run_id)
    _draw(record)


def _draw(record: RunRecord) -> None:
    events = caches.run_log(record.id).events()
    latest = {event.kind: event.values for event in events}
    _draw_progress(record, latest)
    if "started" not in latest:
        if not record.state.over:
            st.caption("The curves begin with the first step.")
        return
    show_curves(record.id)
    ended = [event.values for event in events if event.kind == "epoch_ended"]
    if ended and not record.state.over:
        rows = [f"- {c['stage']}: {_proof(c)}" for c in ended[-1]["changes"]]
        with st.expander("How far each layer has moved since the start"):
            st.markdown("\n".join(rows))


def show_curves(run_id: str) -> None:
    """Loss and accuracy of a run, as far as it has come."""
    log = caches.run_log(run_id)
    events = log.events()
    charts, words = log.derived(live_curves, events), log.derived(describe_curves, events)
    live_charts(
        [
            {"title": "Loss", "x": "epoch", "y": "loss (nats per image)", "traces": charts["loss"]},
            {"title": "Accuracy", "x": "epoch", "y": "accuracy (%)", "traces": charts["accuracy"]},
        ],
        words,
        key=f"curves_{run_id}",
    )  # fmt: skip
    st.caption(words)


def _draw_progress(record: RunRecord, latest: dict[str, dict]) -> None:
    icon, words = STATES[record.state]
    started, step = latest.get("started"), latest.get("stepped")
    share = 0.0
    if record.state == "queued":
        place = caches.engine().queue_position(record.id)
        words += f": number {place} in the queue" if place else ""
    elif record.state == "preparing" and "preparing" in latest:
        work = latest["preparing"]
        share, words = (
            work["done"] / work["total"],
            f"{work['what']}: {work['done']:,} of {work['total']:,}",
        )
    elif started and step:
        share = min(1.0, step["epoch"] / started["epochs"])
    if record.state == "finished":
        share = 1.0
    if record.state == "stopped":
        words += "; what was learned until then was kept" if record.result else " before it began"
    st.progress(share, text=f"{icon} {words}")
    if "memory_short" in latest:
        st.caption(
            f"The memory does not hold a whole batch: {latest['memory_short']['images']} images "
            "pass through the network at a time, and each step still learns from all of them."
        )
    figures = st.columns(4)
    if not (started and step):
        step = None
    limit = f", at most {started['epochs']}" if started else ""
    figures[0].metric(f"Epoch{limit}", f"{step['epoch']:.1f}" if step else "–")
    figures[1].metric("Training images", f"{started['train_images']:,}" if started else "–")
    figures[2].metric(
        "Images per second", f"{step['images_per_second']:,.0f}" if step else "–",
        help="While learning; validating after each epoch comes on top.",
    )  # fmt: skip
    left = duration(step["seconds_left"]) if step and not record.state.over else "–"
    figures[3].metric(
        "Time left, at most", left, help="Until the last epoch; early stopping may end it sooner."
    )


def _draw_end(record: RunRecord) -> None:
    events = caches.run_log(record.id).events()
    if record.error:
        show_problem(record.error["problem"], record.error["found"], record.error["remedy"])
    ended = how_it_ended(events)
    if ended:
        reason = REASONS[ended["reason"]]
        if ended["reason"] == "early stopping" and not ended["best_epoch"]:
            reason = "Ended early, as no epoch came below the new layer trained alone,"
        st.write(
            f"{reason} after {ended['epochs']} epochs and "
            f"{duration(ended['seconds'])}; the weights are those of {_best(ended)}."
        )
    if record.result:
        go_on("Go on: the result", "pages/results.py", run=record.id)
    if ended:
        show_proof(record, ended)
    if table := curves_table(events):
        with st.expander("All epochs as a table"):
            st.dataframe(table, hide_index=True, width="stretch")


def new_layer_alone_in_words(record: RunRecord) -> str:
    """That a run fell back on the new layer; "" where it did not, or is not known."""
    if record.imported or not record.config.strategy.fall_back:
        return ""
    ended = how_it_ended(caches.run_log(record.id).events())
    if not ended or ended["best_epoch"]:
        return ""
    return (
        "What was kept, and tested, is the new layer trained alone, as in case 1: no epoch of "
        "training everything had a lower validation loss."
    )


def _best(ended: dict) -> str:
    if ended["best_epoch"]:
        return f"epoch {ended['best_epoch']}"
    return "the new layer trained alone, as in case 1: no epoch had a lower validation loss"


def show_proof(record: RunRecord, ended: dict) -> None:
    """The network with each layer's measured change.

    Args:
        record: The run.
        ended: Values of its "ended" event.
    """
    from transfer_core.networks.surgery import what_was_kept
    from transfer_core.training.events import LayerChange

    source = record.config.source()
    measured = tuple(LayerChange(**change) for change in ended["changes"])
    strategy = what_was_kept(source, record.config.strategy, ended["best_epoch"])
    classes = len(record.result["per_class"]) if record.result else 2
    parts = caches.layer_parts(source.name, strategy, classes, source.input_size)
    explained(
        network_drawing(parts, measured), describe_network(parts, measured),
        key=f"proof_{record.id}",
        caption=False,
    )  # fmt: skip


def _proof(change: dict) -> str:
    from transfer_core.training.events import LayerChange

    return change_in_words(LayerChange(**change)) + (" (frozen)" if change["frozen"] else "")
