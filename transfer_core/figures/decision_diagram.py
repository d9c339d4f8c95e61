"""The decision diagram as plain data: four cells, the dividing line, and the data set's point.

The page draws it (`pages/parts/decide/decision_diagram.js`), and so can anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transfer_core.cases import Similarity, Size, SizeJudgement, TransferCase
from transfer_core.figures.decision import Crossover, describe_decision
from transfer_core.figures.decision_cells import CaseMarks
from transfer_core.figures.options import (
    describe_accuracy,
    describe_expectation,
    describe_knowledge,
    describe_seconds,
    format_interval,
)
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.inspection import CaseResult
    from transfer_core.transferability import Option, SimilarityEstimate

CELL_TITLES = {
    TransferCase.SMALL_SIMILAR: (N_("Keep all, new end"), N_("frozen; a new layer learns")),
    TransferCase.SMALL_DIFFERENT: (N_("Keep the early layers"), N_("frozen; a new layer learns")),
    TransferCase.LARGE_SIMILAR: (N_("Train everything"), N_("from what it knows")),
    TransferCase.LARGE_DIFFERENT: (N_("Start from nothing"), N_("random weights; or as case 3")),
}


@dataclass(frozen=True, slots=True)
class DecisionCell:
    """One of the four cells."""

    case: int
    size: Size
    similarity: Similarity
    title: str
    summary: str
    accuracy: str  # with its interval, for people; "" if nothing is known
    knowledge: str  # how it is known, and the time: "forecast · 3–5 min"
    shade: float | None  # rank of a run's accuracy, in [0, 1], the best 1; None without a run
    is_recommended: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """The data set: how many images, and how likely they are similar."""

    images: int
    probability: float  # in [0, 1]
    low: float  # of the 80 % interval
    high: float


@dataclass(frozen=True, slots=True)
class DecisionDiagram:
    """All that the diagram shows."""

    cells: tuple[DecisionCell, ...]
    line: int  # images; fewer are a small data set
    similarity: Similarity  # the answer that counts; with the size it makes the textbook's case
    can_tell: bool  # False: the other answer is nearly as likely, so that the case is open
    point: DecisionPoint
    crossover: int | None  # images from which training everything won; None: not measured
    description: str  # text alternative


def build_decision_diagram(
    size: SizeJudgement,
    estimate: SimilarityEstimate,
    marks: CaseMarks,
    options: Mapping[TransferCase, Option],
    results: Mapping[str, CaseResult],
    *,
    own_answer: Similarity | None = None,
    crossover: Crossover | None = None,
) -> DecisionDiagram:
    """Collect what the diagram shows.

    Args:
        size: The answer to the size question, with the dividing line.
        estimate: Probability and interval of the data set's point.
        marks: The cases that are marked.
        options: The option in each cell.
        results: Results of runs by the key of their option; they replace what was expected.
        own_answer: The person's answer to the similarity question, if there is one.
        crossover: Images from which training everything won in measurements.
    """
    shades = rank_accuracies({key: result.accuracy for key, result in results.items()})
    cells = tuple(
        _make_cell(case, options[case], results.get(options[case].key), shades, marks)
        for case in TransferCase
    )
    described = describe_decision(
        size, estimate, marks, options, own_answer=own_answer, crossover=crossover
    )
    trained = [
        _(
            "A run of case {case} reached {accuracy}, {knowledge}.",
            case=c.case,
            accuracy=c.accuracy,
            knowledge=c.knowledge,
        )
        for c in cells
        if c.shade is not None
    ]
    return DecisionDiagram(
        cells,
        size.line,
        marks.textbook.similarity,
        marks.alternative is None,
        DecisionPoint(size.images, estimate.probability, estimate.low, estimate.high),
        crossover and crossover.images,
        " ".join([described, *trained]),
    )


def rank_accuracies(accuracies: Mapping[str, float]) -> dict[str, float]:
    """Place each accuracy between the lowest (0) and the highest (1), to shade by it."""
    low, high = min(accuracies.values(), default=0.0), max(accuracies.values(), default=0.0)
    return {
        key: 1.0 if high == low else (accuracy - low) / (high - low)
        for key, accuracy in accuracies.items()
    }


def _make_cell(
    case: TransferCase,
    option: Option,
    result: CaseResult | None,
    shades: Mapping[str, float],
    marks: CaseMarks,
) -> DecisionCell:
    title, summary = CELL_TITLES[case]
    expected = describe_accuracy(option) if option.runs else describe_expectation(option)
    return DecisionCell(
        case.value,
        case.size,
        case.similarity,
        _(title),
        _(summary),
        describe_result(result) if result else expected,
        describe_training(result) if result else describe_knowledge(option),
        shades.get(option.key) if result else None,
        case == marks.recommended,
        case == marks.chosen,
    )


def describe_result(result: CaseResult) -> str:
    """The accuracy of runs with its uncertainty, short: "95.3% (94–96%)"; "*" if shortened."""
    told = format_interval(result.accuracy, result.low, result.high)
    return f"{told}*" if result.is_shortened else told


def describe_training(result: CaseResult) -> str:
    """How a result came about: "trained · 12 s"."""
    parts = [_("trained")]
    if result.seconds is not None:
        parts.append(describe_seconds(result.seconds, result.seconds))
    if len(result.runs) > 1:
        parts.append(_("{seeds} seeds", seeds=len(result.runs)))
    if result.was_stopped:
        parts.append(_("stopped early"))
    elif result.is_shortened:
        epochs = {"epochs": result.epochs, "usual": result.usual_epochs}
        parts.append(_("{epochs}/{usual} epochs", **epochs))
    return " · ".join(parts)
