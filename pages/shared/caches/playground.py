"""Trials of the new layer, and the measurements of how many images are enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.shared.caches.data_sets import load_data_set
from pages.shared.caches.runs import get_engine
from transfer_core import networks
from transfer_core.system import Progress, get_home, ignore_progress

if TYPE_CHECKING:
    from transfer_core.transferability import EnoughJob, HeadImages, HeadTrial, HeadTrialResult

MAX_ENTRIES = 8  # data sets and networks of each kind


def load_head_images(
    data_id: str, network: str, progress: Progress = ignore_progress
) -> HeadImages:
    """What the new layer learns from; the embeddings are cached on disk too."""
    from transfer_core.transferability import load_head_images as compute

    kept, key = _get_kept("head images"), (data_id, network)
    if key not in kept:
        get_engine()  # leaves a core to the pages, as for a run
        data_set, source = load_data_set(data_id), networks.get_network(network)
        kept[key] = compute(data_set, source, get_home(), progress)
        _drop_oldest(kept)
    return kept[key]


@st.cache_data(max_entries=500, show_spinner=False)
def try_head(data_id: str, network: str, trial: HeadTrial) -> HeadTrialResult:
    """Train the new layer with the settings of a trial, in less than a second."""
    from transfer_core.transferability import try_head as compute

    return compute(load_head_images(data_id, network), trial)


def get_enough_job(data_id: str, network: str, progress: Progress = ignore_progress) -> EnoughJob:
    """The measurement of a data set and network; one for everyone who looks."""
    from transfer_core.transferability import EnoughJob, load_enough_images

    kept, key = _get_kept("enough jobs"), (data_id, network)
    if key not in kept:
        get_engine()
        data_set, source = load_data_set(data_id), networks.get_network(network)
        images = load_enough_images(data_set, source, get_home(), progress)
        kept.setdefault(key, EnoughJob(images, get_home()))
        _drop_oldest(kept)
    return kept[key]


@st.cache_resource(show_spinner=False)
def _get_kept(kind: str) -> dict[tuple[str, str], Any]:
    """A dictionary by data set and network: progress cannot be drawn in a cached function."""
    return {}


def _drop_oldest(kept: dict[tuple[str, str], Any]) -> None:
    idle = [key for key, value in kept.items() if not getattr(value, "is_running", False)]
    for key in idle[: max(0, len(kept) - MAX_ENTRIES)]:
        del kept[key]
