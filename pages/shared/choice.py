"""Advice and choice together: what this session would train now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches
from pages.shared.session import change, workspace
from transfer_core.cases import SizeJudgement, Strategy, TransferCase
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork

if TYPE_CHECKING:
    from transfer_core.runs.store.records import RunRecord
    from transfer_core.transferability.estimate import SimilarityEstimate


@dataclass(frozen=True, slots=True)
class Choice:
    """What the two answers advise, and what the person chose."""

    size: SizeJudgement
    advised: TransferCase
    case: TransferCase
    strategy: Strategy


def load_repeated_run() -> RunRecord | None:
    """The run that the address asks to repeat with changes; its data and network are chosen.

    Raises:
        RunError: If there is no such run.
    """
    if "repeat" not in st.query_params:
        return None
    record = caches.engine().get(st.query_params["repeat"])
    change(data_id=record.config.data_id, network=record.config.network, run_id=None)
    st.query_params.pop("run", None)
    st.query_params["data"] = record.config.data_id
    return record


def resolve_choice(data: DataSet, source: SourceNetwork, estimate: SimilarityEstimate) -> Choice:
    """This session's choice; what the person left open follows the advice."""
    from transfer_core.transferability.advice import advise, choose_strategy

    work = workspace()
    own = None if work.answer == "estimate" else work.answer
    advice = advise(data, source, estimate, answer=own, size_threshold=work.line)
    case = work.case or advice.case
    strategy = choose_strategy(case, source, estimate, cut=work.cut, initialise=work.initialise)
    return Choice(advice.size, advice.case, case, strategy)
