"""Advice and choice together: what this session would train now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.shared.session import workspace
from transfer_core.cases import (
    SizeJudgement,
    Strategy,
    TransferCase,
    choose_case,
    judge_size,
    plan,
)
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
    from transfer_core.advice import leaning

    work = workspace()
    size = judge_size(data.counts(), work.line or source.size_line)
    similarity = leaning(found) if work.answer == "estimate" else work.answer
    advised = choose_case(size.answer, similarity)
    case = work.case or advised
    if case == TransferCase.SMALL_DIFFERENT:
        strategy = plan(case, source.stage_names, cut=work.cut or found.best_cut)
    elif case == TransferCase.LARGE_DIFFERENT:
        strategy = plan(case, source.stage_names, initialise=work.initialise)
    else:
        strategy = plan(case, source.stage_names)
    return Choice(size, advised, case, strategy)
