"""Advice and choice together: what this session would train now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.shared import caches, session
from transfer_core.cases import DEFAULT_LINE, SizeJudgement, Strategy, TransferCase
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork

if TYPE_CHECKING:
    from transfer_core.runs import RunRecord
    from transfer_core.transferability import SimilarityEstimate


@dataclass(frozen=True, slots=True)
class Choice:
    """The case that the two answers advise, and the case that the person chose."""

    size: SizeJudgement
    advised: TransferCase
    case: TransferCase
    strategy: Strategy


def load_repeated_run() -> RunRecord | None:
    """The run that the address asks to repeat; its data and network become the current ones.

    Raises:
        RunError: If there is no such run.
    """
    run_id = session.get_repeated_run_id()
    if run_id is None:
        return None
    record = caches.get_engine().get(run_id)
    session.repeat_run(record.config.data_id, record.config.network)
    return record


def resolve_choice(data: DataSet, source: SourceNetwork, estimate: SimilarityEstimate) -> Choice:
    """This session's choice; what the person left open follows the advice."""
    from transfer_core.transferability import apply_textbook_rule, choose_strategy

    work = session.get_workspace()
    own = None if work.answer == "estimate" else work.answer
    advice = apply_textbook_rule(data, estimate, answer=own, line=work.line or DEFAULT_LINE)
    case = work.case or advice.case
    strategy = choose_strategy(case, source, estimate, cut=work.cut, initialise=work.initialise)
    return Choice(advice.size, advice.case, case, strategy)
