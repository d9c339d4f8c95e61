"""How much is enough? Images of each class against accuracy, with the crossing in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.playground.curve_chart import show_curve_charts
from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors, show_problem
from pages.shared.live_pace import draw_again
from pages.shared.progress import show_progress, show_timing
from transfer_core.errors import BusyError
from transfer_core.figures import build_enough_chart, describe_enough_chart
from transfer_core.languages import N_, _, ngettext
from transfer_core.system import get_home
from transfer_core.timing import describe_time_range

if TYPE_CHECKING:
    from transfer_core.dataset import DataSet
    from transfer_core.networks import SourceNetwork
    from transfer_core.transferability import EnoughJob

MAX_DRAWS = 5  # of whole networks
WAYS = {"3": N_("case 3: everything"), "4-random": N_("from random weights")}


def show_enough(data: DataSet, source: SourceNetwork) -> None:
    """Draw the section; while something is measured, it is redrawn again and again."""
    st.header(_("How much is enough?"), anchor=False)
    opened = st.session_state.setdefault("enough_opened", set())
    if (data.id, source.name) not in opened:
        st.markdown(_("From how many images of each class does training everything win?"))
        st.button(
            _("Measure the new layer alone (seconds)"),
            icon=":material/query_stats:",
            key="enough_go",
            on_click=opened.add,
            args=((data.id, source.name),),
        )
        return
    with show_errors(), show_progress() as report:
        job = caches.get_enough_job(data.id, source.name, report)
        _measure_new_layer(job)
    _show_job(job, running=job.is_running)


def _measure_new_layer(job: EnoughJob) -> None:
    from transfer_core.transferability import DRAWS, NEW_LAYER

    if job.list_missing([NEW_LAYER], DRAWS) and not job.is_running:
        job.start([NEW_LAYER])


def _show_job(job: EnoughJob, *, running: bool) -> None:
    @st.fragment
    def show() -> None:
        if running:
            draw_again()
        if running and not job.is_running:
            st.rerun()  # once: without a timer from then on
        _show_points(job)
        keys, count = _choose_training(disabled=job.is_running)
        if job.is_running:
            _show_progress(job)
        else:
            _offer_training(job, keys, count)

    show()


def _show_points(job: EnoughJob) -> None:
    from transfer_core.transferability import (
        average_by_size,
        describe_crossing,
        describe_new_layer,
        describe_random_weights,
        find_crossing,
    )

    means = average_by_size(job.points)
    crossing, random = (find_crossing(job.points, key) for key in WAYS)
    words = [describe_new_layer(means)]
    if crossing:
        words.insert(0, f"**{describe_crossing(crossing, len(job.images.data_set.classes))}**")
    if random:
        words.append(describe_random_weights(random))
    if means:
        chart = build_enough_chart(means, crossing)
        show_curve_charts([chart], describe_enough_chart(means), key="enough_chart")
    st.markdown(" ".join(words))
    with st.expander(_("How it is measured"), icon=":material/help:"):
        st.markdown(
            _(
                "Each draw takes so many images of each class from the training and validation "
                "images, and asks about a fifth that it left out; near-copies are never on both "
                "sides. All ways learn from the same draws. Bars show one standard deviation over "
                "the draws. Test images take no part. In 8 of 10 repetitions the crossing would "
                "lie in the interval, and the difference within its ±. Between two sizes the "
                "difference lies on a straight line over the logarithm of the images."
            )
        )


def _show_progress(job: EnoughJob) -> None:
    done, total = job.progress
    if job.is_stopping:
        words = _("Stopping after this batch: {done} of {total}", done=done, total=total)
    elif job.is_waiting:
        words = _("Waiting for another training to end: {done} of {total}", done=done, total=total)
    else:
        words = _("Training: {done} of {total}", done=done, total=total)
    st.progress(done / max(1, total), text=words)
    if st.button(_("Stop and keep the points"), icon=":material/stop:", key="enough_stop"):
        job.stop()


def _choose_training(*, disabled: bool) -> tuple[list[str], int]:
    """Let the ways to train and the number of draws be chosen, unless something is trained."""
    left, right = st.columns([3, 2])
    session.keep_several_in_url("enough_ways", WAYS, WAYS)
    session.keep_in_url("enough_draws", 1, range(1, MAX_DRAWS + 1))
    keys = left.pills(
        _("Train on the same images"),
        list(WAYS),
        selection_mode="multi",
        format_func=lambda way: _(WAYS[way]),
        key="enough_ways",
        disabled=disabled,
        help=_("The new layer alone is measured already."),
    )
    count = right.select_slider(
        _("Draws of each size"),
        range(1, MAX_DRAWS + 1),
        key="enough_draws",
        disabled=disabled,
        help=_("More draws narrow the interval and take longer."),
    )
    return keys, count


def _offer_training(job: EnoughJob, keys: list[str], count: int) -> None:
    """Offer to train whole networks on the same draws, with the time that it takes."""
    if job.error:
        show_problem(job.error.problem, job.error.found, job.error.remedy)
    missing = job.list_missing(keys, count)
    if not missing:
        st.caption(_("All of this is measured. More draws narrow the interval."))
        return
    minutes = _forecast(job, missing)
    with st.container(horizontal=True, vertical_alignment="center"):
        words = st.empty()
        if not minutes and st.button(
            _("How long would it take?"), icon=":material/timer:", key="enough_time"
        ):
            with show_errors(), show_timing():
                minutes = _forecast(job, missing, may_measure=True)
        words.markdown(_describe_work(len(missing), minutes), width="content")
        if minutes and st.button(
            _("Start"), type="primary", icon=":material/play_arrow:", key="enough_start"
        ):
            with show_errors():
                job.start(keys, count)
            st.rerun()


def _describe_work(trainings: int, minutes: str) -> str:
    if not minutes:
        return ngettext("{n} training", "{n} trainings", trainings)
    return ngettext(
        "{n} training, about **{time}**",
        "{n} trainings, about **{time}**",
        trainings,
        time=escape_markdown(minutes),
    )


def _forecast(job: EnoughJob, missing, *, may_measure: bool = False) -> str:
    """The time in words; "" if it was never measured, and may not be now."""
    from transfer_core.transferability import forecast_draws

    try:
        seconds = forecast_draws(job.images, get_home(), missing, may_measure=may_measure)
    except BusyError:
        if may_measure:
            raise
        return ""
    return describe_time_range(seconds)
