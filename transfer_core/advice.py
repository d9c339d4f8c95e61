"""Both questions answered together: size and similarity, the case, its strategy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transfer_core.cases import (
    Similarity,
    SizeJudgement,
    Strategy,
    TransferCase,
    choose_case,
    judge_size,
    plan,
)
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork
from transfer_core.similarity import Progress, SimilarityEstimate, estimate


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do with a data set, and why."""

    size: SizeJudgement
    similarity: Similarity  # the answer that the case rests on
    estimate: SimilarityEstimate | None  # None where the person answered
    case: TransferCase
    strategy: Strategy


def advise(
    data_set: DataSet,
    source: SourceNetwork,
    home: Path,
    *,
    answer: Literal["auto", "similar", "different"] = "auto",
    line: int | None = None,
    progress: Progress | None = None,
) -> Advice:
    """Answer both questions and choose the case.

    Args:
        data_set: The new images.
        source: The network to transfer from.
        home: Where caches lie.
        answer: The person's answer to the similarity question, or "auto".
        line: Dividing line in images; None takes the network's.
        progress: Called with what is done, done and total.
    """
    size = judge_size(data_set.counts(), line or source.size_line)
    found = estimate(data_set, source, home, progress=progress) if answer == "auto" else None
    similarity = leaning(found) if found else answer
    case = choose_case(size.answer, similarity)
    return Advice(size, similarity, found, case, advised_strategy(case, source, found))


def leaning(found: SimilarityEstimate) -> Similarity:
    """The likelier answer, also where the estimate cannot tell."""
    return "similar" if found.probability >= 0.5 else "different"


def advised_strategy(
    case: TransferCase, source: SourceNetwork, found: SimilarityEstimate | None
) -> Strategy:
    """The strategy of a case, with the measured cut where there is one."""
    cut = found.best_cut if found and case == TransferCase.SMALL_DIFFERENT else None
    return plan(case, source.stage_names, cut=cut)
