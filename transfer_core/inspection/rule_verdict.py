"""Was the textbook's rule right on these images? The verdict on runs of the four cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transfer_core.cases import TransferCase

if TYPE_CHECKING:  # bring torch
    from transfer_core.inspection.case_results import CaseResult
    from transfer_core.inspection.comparison import PairedComparison


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """Whether the textbook's rule was right on these images."""

    is_right: bool | None  # None if its case, or every other, was not trained
    best: str | None  # key of the most accurate result
    sentences: tuple[str, ...]  # for people; the first is the answer


def judge_rule(
    results: Mapping[str, CaseResult],
    textbook: TransferCase,
    compare: Callable[[str, str], PairedComparison],
) -> RuleVerdict:
    """Say whether the textbook's case was the best of those trained, by more than chance.

    Args:
        results: Of the four cases, by the key of their option.
        textbook: The case that the rule points at.
        compare: Compares two runs image by image; called with their ids.
    """
    best = max(results.values(), key=lambda each: each.accuracy, default=None)
    own = max(
        (each for each in results.values() if each.case == textbook),
        key=lambda each: each.accuracy,
        default=None,
    )
    if own is None or len(results) < 2:
        missing = f"The textbook says case {textbook.value}. "
        missing += "Train the cases to see whether it is right here."
        return RuleVerdict(None, best and best.key, (missing,))
    if best.case == own.case:
        is_right, answer = True, _describe_win(own, results, compare)
    else:
        is_right, answer = _describe_loss(own, best, compare)
    extra = [_describe_pretraining(results, compare), _describe_shortening(results)]
    return RuleVerdict(is_right, best.key, (answer, *filter(None, extra)))


def _describe_win(own, results: Mapping[str, CaseResult], compare) -> str:
    others = [each for each in results.values() if each.case != own.case]
    if not others:
        return f"The textbook said case {own.case.value}; no other case was trained."
    second = max(others, key=lambda each: each.accuracy)
    pair = compare(own.runs[0], second.runs[0])
    lead = 100 * (own.accuracy - second.accuracy)
    sure = "which may be chance" if pair.may_be_chance else "more than chance"
    return (
        f"Yes: the textbook said case {own.case.value}, and no case did better. "
        f"It leads case {second.case.value} by {lead:.1f} points, {sure} {_format_p(pair)}."
    )


def _describe_loss(own: CaseResult, best: CaseResult, compare) -> tuple[bool, str]:
    pair = compare(best.runs[0], own.runs[0])
    lead = 100 * (best.accuracy - own.accuracy)
    ahead = f"case {best.case.value} is {lead:.1f} points ahead"
    if pair.may_be_chance:
        return True, (
            f"Not wrong: the textbook said case {own.case.value}; {ahead}, which may be chance "
            f"{_format_p(pair)}."
        )
    return False, (
        f"No: the textbook said case {own.case.value}, but {ahead}, more than chance "
        f"{_format_p(pair)}."
    )


def _describe_pretraining(results: Mapping[str, CaseResult], compare) -> str:
    """Say whether training everything gained by what the network knew."""
    tuned, scratch = results.get("3") or results.get("4-pretrained"), results.get("4-random")
    if not (tuned and scratch):
        return ""
    pair = compare(tuned.runs[0], scratch.runs[0])
    lead = 100 * (tuned.accuracy - scratch.accuracy)
    if pair.may_be_chance:
        return "Random weights did as well, as far as chance can tell."
    if lead > 0:
        return f"What the network knew before gave {lead:.1f} points over random weights."
    return f"What the network knew before cost {-lead:.1f} points against random weights."


def _describe_shortening(results: Mapping[str, CaseResult]) -> str:
    cases = sorted({each.case.value for each in results.values() if each.is_shortened})
    if not cases:
        return ""
    if len(cases) == 1:
        return f"Case {cases[0]} was shortened: a full run may end higher."
    return f"Cases {' and '.join(map(str, cases))} were shortened: full runs may end higher."


def _format_p(pair: PairedComparison) -> str:
    return "(p < 0.001)" if pair.p_value < 0.001 else f"(p = {pair.p_value:.2g})"
