"""The four cases side by side as plain data: drawing aside, all that a page shows of their runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from transfer_core.cases import TransferCase
from transfer_core.figures.decision_diagram import (
    CELL_TITLES,
    describe_result,
    describe_training,
    rank_accuracies,
)
from transfer_core.figures.options import describe_expectation, describe_seconds
from transfer_core.languages import N_, _
from transfer_core.runs import select_events
from transfer_core.training import EpochEnded, Started

if TYPE_CHECKING:
    from transfer_core.figures.decision_cells import CaseMarks
    from transfer_core.inspection import CaseResult
    from transfer_core.runs import RunEvent, RunRecord
    from transfer_core.transferability import Option

CurveKind = Literal["frozen", "trained", "random"]
STATE_WORDS = {
    "queued": N_("waits for its turn"),
    "preparing": N_("preparing"),
    "training": N_("training"),
    "stopping": N_("stopping"),
    "failed": N_("failed"),
    "interrupted": N_("interrupted"),
}


@dataclass(frozen=True, slots=True)
class CaseCurve:
    """Validation accuracy of one run, epoch by epoch."""

    kind: CurveKind
    accuracies: tuple[float, ...]  # in [0, 1]
    epochs: int  # at most


@dataclass(frozen=True, slots=True)
class CaseCell:
    """One of the four cases, before, during or after its runs."""

    case: int
    title: str
    summary: str
    state: str  # of the run that is not over, for people; "" if there is none
    accuracy: str  # of the runs, or what is expected of one; "" if nothing is known
    knowledge: str  # how it is known, and the time
    shade: float | None  # rank of the accuracy in [0, 1]; None without a result
    note: str  # case 4: what the other initial weights gave
    curves: tuple[CaseCurve, ...]
    marks: tuple[str, ...]  # English words, to be translated: textbook, best measured

    @property
    def description(self) -> str:
        """The cell in words."""
        name = _("Case {case}, {title}", case=self.case, title=self.title)
        marks = (_(mark) for mark in self.marks)
        parts = [name, *marks, self.state, self.accuracy]
        return ", ".join(filter(None, [*parts, self.knowledge, self.note]))


def build_case_cell(
    option: Option,
    runs: Sequence[tuple[RunRecord, Sequence[RunEvent]]],
    results: Mapping[str, CaseResult],
    marks: CaseMarks,
    best: str | None,
    *,
    cut: str = "",
) -> CaseCell:
    """Collect what one cell shows.

    Args:
        option: That stands for the case.
        runs: Its runs with their events, finished or not.
        results: Of all cases, by the key of their option.
        marks: The textbook's and the recommended case.
        best: Key of the most accurate result.
        cut: Case 2: title of the last stage that is kept.
    """
    case, result = option.strategy.case, results.get(option.key)
    textbook, may_be = marks.textbook == case, case in (marks.textbook, marks.alternative)
    if_answer = {
        "similar": N_("textbook if similar"),
        "different": N_("textbook if different"),
    }[case.similarity]
    words = [
        (N_("textbook"), marks.alternative is None and textbook),
        (if_answer, marks.alternative is not None and may_be),
        (N_("★ recommended before"), marks.recommended == case),
        (N_("best measured"), result is not None and option.key == best),
    ]
    shades = rank_accuracies({key: each.accuracy for key, each in results.items()})
    return CaseCell(
        case.value,
        _(CELL_TITLES[case][0]),
        _summarise(option, cut),
        _describe_state(runs),
        describe_result(result) if result else describe_expectation(option),
        describe_training(result) if result else _describe_expected(option),
        shades.get(option.key),
        _describe_other_start(results) if case is TransferCase.LARGE_DIFFERENT else "",
        tuple(make_curve(record, events) for record, events in runs),
        tuple(word for word, is_marked in words if is_marked),
    )


def make_curve(record: RunRecord, events: Sequence[RunEvent]) -> CaseCurve:
    """The validation accuracy of a run so far."""
    epochs = [event for event in select_events(events, EpochEnded) if event.epoch]
    return CaseCurve(
        _get_kind(record),
        tuple(event.validation_accuracy for event in epochs),
        record.config.strategy.optimiser.epochs,
    )


def _get_kind(record: RunRecord) -> CurveKind:
    strategy = record.config.strategy
    if strategy.initialise == "random":
        return "random"
    return "frozen" if strategy.frozen else "trained"


def _summarise(option: Option, cut: str) -> str:
    summary = CELL_TITLES[option.strategy.case][1]
    if cut and option.strategy.case is TransferCase.SMALL_DIFFERENT:
        return _("cut after {stage}", stage=cut)
    return _("random weights, all trained") if option.key == "4-random" else _(summary)


def _describe_state(runs: Sequence[tuple[RunRecord, Sequence[RunEvent]]]) -> str:
    unfinished = [(record, events) for record, events in runs if record.result is None]
    if not unfinished:
        return ""
    record, events = unfinished[0]
    words = _(STATE_WORDS.get(record.state.value, record.state.value))
    started, ended = select_events(events, Started), select_events(events, EpochEnded)
    if record.state.value == "training" and started and ended:
        epoch, epochs = ended[-1].epoch, started[-1].epochs
        return _("training: epoch {epoch} of {epochs}", epoch=epoch, epochs=epochs)
    return words


def _describe_expected(option: Option) -> str:
    time = describe_seconds(option.seconds_low, option.seconds_high)
    if option.accuracy is None:
        return time
    if option.measured:
        return _("measured, not trained · {time}", time=time)
    return _("forecast, not trained · {time}", time=time)


def _describe_other_start(results: Mapping[str, CaseResult]) -> str:
    other = results.get("4-pretrained") or results.get("3")
    if not other:
        return _("Pre-trained it is case 3.")
    return _("Pre-trained, as case 3: {accuracy}", accuracy=describe_result(other))
