"""The strategy that follows from advice and choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transfer_core.cases import Initialise, Strategy, TransferCase, plan
from transfer_core.networks import SourceNetwork

if TYPE_CHECKING:
    from transfer_core.similarity import SimilarityEstimate


def chosen_strategy(
    case: TransferCase,
    source: SourceNetwork,
    found: SimilarityEstimate,
    cut: str | None,
    initialise: Initialise,
) -> Strategy:
    """A case's strategy with the person's choices, the measured cut where there is none."""
    if case == TransferCase.SMALL_DIFFERENT:
        return plan(case, source.stage_names, cut=cut or found.best_cut)
    if case == TransferCase.LARGE_DIFFERENT:
        return plan(case, source.stage_names, initialise=initialise)
    return plan(case, source.stage_names)
