"""How transferable are the layers? Yosinski's experiment on the person's images, live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches
from pages.shared.layout import format_duration, show_errors, show_figure
from pages.shared.progress import show_progress
from transfer_core.dataset import DataSet
from transfer_core.errors import BusyError
from transfer_core.figures import (
    describe_layer_transfer,
    plot_layer_transfer,
    tabulate_layer_transfer,
)
from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import list_arms, list_trainings

if TYPE_CHECKING:
    from transfer_core.transferability import LayerTransferPoint

FINDINGS = N_("""\
**What Yosinski et al. found in 2014**, with a network of eight layers and half of ImageNet's
classes each to learn from and to transfer to:

- *Kept and frozen*: the first two layers transfer without loss. With every further layer the
  accuracy falls: in the middle because layers that learned to work together are torn apart, at the
  top because those layers belong to the old task.
- The *control*, the same on the network's **own** task, falls in the middle too and recovers at the
  top. So the cut makes that fall, not the new task.
- *Kept and trained on*: no fall. Transferred layers generalise better than random ones even after
  long training, whatever the cut.
- The less alike the two tasks, the deeper the fall. Yet layers from a distant task can be better
  than random ones; with random, frozen layers the accuracy is near chance from the third on.
""")


def show_layer_transfer(data: DataSet | None, source: SourceNetwork) -> None:
    """Draw what was measured, the button that measures the rest, and the original finding."""
    st.subheader(_("How transferable are the layers?"), anchor=False)
    if data is None:
        st.page_link(
            "pages/data.py", label=_("Bring images in to measure"), icon=":material/photo_library:"
        )
        return
    points = caches.load_layer_transfer(data.id, source.name)
    left = len(list_trainings(source)) - len(points)
    place = st.empty()
    if points:
        with place.container():
            _show_points(source, points)
    if left:
        _offer_measurement(data, source, place, left, resumed=bool(points))
    with st.expander(
        _("What the original experiment found"), icon=":material/menu_book:", expanded=not points
    ):
        st.markdown(_(FINDINGS))
    if points:
        with st.expander(_("All figures"), icon=":material/table:"):
            rows = tabulate_layer_transfer(source, list_arms(source), points)
            st.dataframe(rows, hide_index=True)


def _offer_measurement(
    data: DataSet, source: SourceNetwork, place, left: int, *, resumed: bool
) -> None:
    """Draw the button with what it takes, and measure after a click."""
    st.caption(
        _(
            "The network is cut behind each layer in turn. The layers before the cut are kept or "
            "random, frozen or trained on; those behind it begin at random. {left} short trainings "
            "on about 300 of your images, {time}. A click elsewhere stops it; what was measured is "
            "kept.",
            left=left,
            time=_describe_time(data, source, left),
        )
    )
    label = _("Go on measuring") if resumed else _("Measure every cut")
    if not st.button(label, type="primary", icon=":material/science:", key="layers_measure"):
        return
    stop = st.empty()
    stop.button(
        _("Stop"), icon=":material/stop:", key="layers_stop", help=_("What was measured stays.")
    )
    total = len(list_trainings(source))
    with show_errors(), show_progress() as report:
        for points in caches.measure_layer_transfer(data.id, source.name, report):
            with place.container():
                _show_points(source, points)
            report(_("Training every cut"), len(points), total)
    st.rerun()


def _describe_time(data: DataSet, source: SourceNetwork, trainings: int) -> str:
    """The time that the trainings take, for people."""
    try:
        with st.spinner(_("Timing one training")):
            seconds = caches.time_layer_transfer(data.id, source.name)
    except BusyError:
        return _("how long they take can't be measured while another training runs")
    return _("about {time} on this computer", time=format_duration(trainings * seconds))


def _show_points(source: SourceNetwork, points: tuple[LayerTransferPoint, ...]) -> None:
    arms = list_arms(source)
    show_figure(
        plot_layer_transfer(source, arms, points),
        describe_layer_transfer(source, arms, points),
        key=f"layers_transfer_{len(points)}",
        caption=False,
    )
