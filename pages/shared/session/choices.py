"""The choices of one browser session along the journey."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import streamlit as st

from pages.shared.journey import Journey
from transfer_core import networks
from transfer_core.dataset import SAMPLES_LINE, is_sample
from transfer_core.system import get_home

JOURNEY_KEY = "journey"


def get_journey() -> Journey:
    """This session's choices."""
    work = st.session_state.get(JOURNEY_KEY)
    if work is None:  # asked for with every text, so that none is made in vain
        work = st.session_state[JOURNEY_KEY] = Journey()
    return work


def change(**choices) -> None:
    """Change choices; a new data set or network resets the choices that rest on it."""
    before = get_journey()
    if choices.get("data_id", before.data_id) != before.data_id:
        before = Journey(
            line=_find_line(choices["data_id"]),
            network=before.network,
            minutes=before.minutes,
            chosen_run_ids=before.chosen_run_ids,
            deleted=before.deleted,
            present=before.present,
            language=before.language,
        )
    if choices.get("network", before.network) != before.network:
        before = replace(before, option=None, run_id=None, fit=None, proposal=None)
    st.session_state[JOURNEY_KEY] = replace(before, **choices)


def _find_line(data_id: str | None) -> int | None:
    """The line between small and large that images start with; None is the textbook's."""
    return SAMPLES_LINE if data_id and is_sample(get_home(), data_id) else None


def get_network_name() -> str:
    """The network that this session has chosen, else the one that its data set starts with."""
    work = get_journey()
    return work.network or networks.choose_starting_network(get_home(), work.data_id).name


def get_source() -> networks.SourceNetwork:
    """The source network of `get_network_name`.

    Raises:
        NetworkError: If it was removed meanwhile.
    """
    return networks.get_network(get_network_name())


def make_key() -> str:
    """A key for one click, so that a double click starts one run."""
    return uuid4().hex
