"""Hand a data set and a way to train to a whole class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.start.live_sample import read_sample
from pages.shared import session
from pages.shared.class_task import describe_way, find_source
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.progress import show_progress
from transfer_core import networks
from transfer_core.cases import list_strategies
from transfer_core.dataset import SAMPLES
from transfer_core.languages import N_, _
from transfer_core.networks import has_weights
from transfer_core.workspaces import hand_out

if TYPE_CHECKING:
    from transfer_core.workspaces import Class

WAYS = {  # beginning of a key of `list_strategies`
    "": N_("They decide"),
    "1": N_("Case 1"),
    "2": N_("Case 2"),
    "3": N_("Case 3"),
    "4-random": N_("Case 4"),
    "all-stages": N_("New layer over all stages"),
}
USUAL = ""  # the network that the data set starts with


def offer_handing_out(class_: Class) -> None:
    """Draw the button behind which a data set and a way are chosen for all."""
    key = f"class_hand_out_{class_.task.given if class_.task else 0:.0f}"  # a new one is folded
    with (
        st.popover(_("Hand out"), icon=":material/assignment:", key=key),
        st.form("class_hand_out", border=False),
    ):
        data, network, way = _choose()
        asked = st.form_submit_button(_("Hand it to all"), type="primary")
    if asked:
        _hand_out(class_, data, network, way)
        st.rerun()


def show_handed_out(class_: Class) -> None:
    """Say what all have to do now, if anything was handed out."""
    if class_.task:
        now = f"{escape_markdown(class_.task.name)}. {describe_way(class_.task)}"
        if source := find_source(class_.task):
            now = f"{now} {escape_markdown(source.title)}."
        st.caption(":material/assignment: " + _("Handed out: {task}", task=now))


def _choose() -> tuple[str, str, str]:
    """Let the data set, the network and the way be chosen."""
    known = {(sample.title, sample.count) for sample in SAMPLES.values()}
    held = session.get_belongings().list_data_sets()
    own = {each.id: each.name for each in held if (each.name, each.images) not in known}
    samples = {f"sample:{name}": _(sample.title) for name, sample in SAMPLES.items()}
    present = [each for each in networks.list_networks() if has_weights(each)]
    titles = {USUAL: _("The usual one")} | {each.name: each.title for each in present}
    sets = samples | own
    return (
        st.selectbox(_("Data set"), list(sets), format_func=sets.get, key="class_data"),
        st.selectbox(_("Network"), list(titles), format_func=titles.get, key="class_network"),
        st.selectbox(
            _("Way to train"), list(WAYS), format_func=lambda each: _(WAYS[each]), key="class_way"
        ),
    )


def _hand_out(class_: Class, chosen: str, network: str, way: str) -> None:
    belongings = session.get_belongings()
    kind, __, sample = chosen.partition(":")
    with show_errors():
        if kind == "sample":
            with show_progress() as report:
                read = read_sample(sample, report)
            data_id, name = read.id, read.name
        else:
            names = {each.id: each.name for each in belongings.list_data_sets()}
            data_id, name = chosen, names[chosen]
        usual = networks.choose_starting_network(belongings.home, data_id)
        source = networks.get_network(network) if network else usual
        keys = list_strategies(source.stage_names, source.kind)
        option = next((key for key in keys if way and key.startswith(way)), None)
        hand_out(belongings, class_.id, data_id, name, source.name, option)
