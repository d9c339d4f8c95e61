"""Advice and choice together: what this session would train now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.shared.session import workspace
from transfer_core.cases import SizeJudgement, Strategy, TransferCase
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork

if TYPE_CHECKING:
    from transfer_core.similarity import SimilarityEstimate


@dataclass(frozen=True, slots=True)
class Choice:
    """What the two answers advise, and what the person chose."""

    size: SizeJudgement
    advised: TransferCase
    case: TransferCase
    strategy: Strategy


def current_choice(data: DataSet, source: SourceNetwork, found: SimilarityEstimate) -> Choice:
    """This session's choice; what the person left open follows the advice."""
    from transfer_core.advice import advise, strategy_for

    work = workspace()
    own = None if work.answer == "estimate" else work.answer
    advice = advise(data, source, found, answer=own, line=work.line)
    case = work.case or advice.case
    strategy = strategy_for(case, source, found, cut=work.cut, initialise=work.initialise)
    return Choice(advice.size, advice.case, case, strategy)
