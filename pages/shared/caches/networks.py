"""Source networks and what was measured of them, cached for all sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared.caches.data_sets import load_data_set
from transfer_core import networks
from transfer_core.errors import DataSetError, NetworkError
from transfer_core.system import get_home

if TYPE_CHECKING:
    from collections.abc import Callable

    from transfer_core.cases import Strategy
    from transfer_core.networks import SourceNetwork, StageSummary
    from transfer_core.system import Progress
    from transfer_core.transferability import (
        NetworkRanking,
        Options,
        SimilarityEstimate,
        StageEvidence,
        SuspectLabel,
    )


@st.cache_resource(max_entries=256, show_spinner=False)
def describe_layers(
    network: str, strategy: Strategy, classes: int, input_size: int | None = None
) -> tuple[StageSummary, ...]:
    """The adapted network's layers; None is the network's own input size."""
    from transfer_core.networks import summarise_network

    return summarise_network(
        networks.get_network(network).with_input_size(input_size), strategy, classes
    )


@st.cache_resource(max_entries=256, show_spinner=False)
def list_input_sizes(network: str) -> tuple[int, ...]:
    """The input sizes that a network can take, largest first."""
    from transfer_core.networks import list_input_sizes as compute

    return compute(networks.get_network(network))


def estimate_similarity(
    data_id: str,
    network: str,
    progress: Progress,
    report_stage: Callable[[StageEvidence], None] | None = None,
) -> SimilarityEstimate:
    """The similarity estimate, cached on disk, since progress cannot be cached here.

    Args:
        data_id: The data set.
        network: Name of the network.
        progress: Draws how far it is, and may raise to cancel.
        report_stage: Called with each stage as soon as it is measured, the top first.
    """
    from transfer_core.transferability import estimate_similarity as compute

    return compute(
        load_data_set(data_id),
        networks.get_network(network),
        get_home(),
        progress=progress,
        report_stage=report_stage,
    )


def list_options(
    data_id: str, network: str, estimate: SimilarityEstimate, minutes: float, progress: Progress
) -> Options:
    """Every way to transfer with its accuracy and time; what it rests on is cached on disk."""
    from pages.shared.caches.runs import get_engine
    from transfer_core.transferability import list_options as compute

    get_engine()  # leaves a core to the pages, in the forecast as in the run
    return compute(
        load_data_set(data_id),
        networks.get_network(network),
        estimate,
        get_home(),
        minutes=minutes,
        progress=progress,
    )


def describe_near_copies(data_id: str, network: str) -> tuple[str, ...]:
    """A warning of near-copies, if Decide has found them with this network, else nothing."""
    from transfer_core.transferability import load_known_evidence, warn_of_near_copies

    try:
        data_set, source = load_data_set(data_id), networks.get_network(network)
    except (DataSetError, NetworkError):  # gone
        return ()
    evidence = load_known_evidence(data_set, source, get_home())
    return warn_of_near_copies(evidence) if evidence else ()


def find_suspect_labels(
    data_id: str, source: SourceNetwork, progress: Progress
) -> tuple[SuspectLabel, ...]:
    """The training images whose label is suspect; they are cached on disk."""
    from transfer_core.transferability import find_suspect_labels as compute

    return compute(load_data_set(data_id), source, get_home(), progress=progress)


def load_network_ranking(data_id: str) -> NetworkRanking:
    """The networks that were compared on a data set so far, from the disk."""
    from transfer_core.transferability import load_ranking as compute

    return compute(load_data_set(data_id), get_home())


def rank_networks(data_id: str, progress: Progress) -> NetworkRanking:
    """Compare the networks on this computer on a data set; what is done is kept on disk."""
    from transfer_core.transferability import rank_networks as compute

    return compute(load_data_set(data_id), get_home(), progress=progress)


@st.cache_data(show_spinner=False)
def load_first_filters() -> list:
    """The demonstration network's first-layer filters as images, uint8 (K, H, W, 3)."""
    from transfer_core.inspection import extract_first_filters
    from transfer_core.networks import load_pretrained

    return list(extract_first_filters(load_pretrained(networks.get_network("demonstration"))))
