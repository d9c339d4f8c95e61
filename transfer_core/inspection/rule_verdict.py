"""Was the textbook's rule right on these images? The verdict on runs of the four cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transfer_core.cases import TransferCase
from transfer_core.languages import N_, _

if TYPE_CHECKING:  # bring torch
    from transfer_core.inspection.case_results import CaseResult
    from transfer_core.inspection.comparison import PairedComparison


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """Whether the textbook's rule was right on these images."""

    is_right: bool | None  # None if its case, or every other, was not trained
    best: str | None  # key of the most accurate result
    sentences: tuple[str, ...]  # for people; the first is the answer
    p_value: float | None = None  # of the difference in the answer; None if nothing is compared
    caveat: str = ""  # for people: what was shortened


def judge_rule(
    results: Mapping[str, CaseResult],
    textbook: TransferCase,
    compare: Callable[[str, str], PairedComparison],
    *,
    alternative: TransferCase | None = None,
    is_running: bool = False,
) -> RuleVerdict:
    """Say whether the textbook's case was the best of those trained, by more than chance.

    Args:
        results: Of the four cases, by the key of their option.
        textbook: The case that the rule points at.
        compare: Compares two runs image by image; called with their ids.
        alternative: The case of the other similarity, if nobody can tell which it is.
        is_running: Whether runs of the cases go on.
    """
    best, caveat = _find_best(results.values()), _describe_shortening(results)
    said = {textbook, alternative or textbook}
    own = _find_best(each for each in results.values() if each.case in said)
    other = _find_best(each for each in results.values() if each.case not in said)
    if own is None or other is None:
        if is_running:
            text = N_("The textbook says {cases}. The cases are being trained: the answer follows.")
        else:
            text = N_("The textbook says {cases}. Train the cases to see whether it is right here.")
        missing = _(text, cases=_name(said))
        return RuleVerdict(None, best and best.key, (missing,), caveat=caveat)
    if best is own:
        pair = compare(own.runs[0], other.runs[0])
        is_right, answer = True, _describe_win(_name(said), own, other, pair)
    else:
        pair = compare(best.runs[0], own.runs[0])
        is_right, answer = _describe_loss(_name(said), own, best, pair)
    extra = [_describe_pretraining(results, compare)]
    if alternative:
        extra.append(_describe_open(textbook, alternative))
    sentences = (answer, *filter(None, extra))
    return RuleVerdict(is_right, best.key, sentences, pair.p_value, caveat)


def _name(cases: set[TransferCase]) -> str:
    """The cases for people: "case 1", or "case 1 or 2"."""
    first, *others = sorted(case.value for case in cases)
    if not others:
        return _("case {case}", case=first)
    return _("case {first} or {second}", first=first, second=others[0])


def find_simplest_equal(
    results: Mapping[str, CaseResult], compare: Callable[[str, str], PairedComparison]
) -> CaseResult | None:
    """The quickest result that chance alone may keep from being the most accurate; None of none.

    Args:
        results: By the key of their option.
        compare: See `judge_rule`.
    """
    best = _find_best(results.values())
    quickest = sorted(results.values(), key=lambda each: each.seconds or float("inf"))
    return next(
        (
            each
            for each in quickest
            if each is best or compare(best.runs[0], each.runs[0]).may_be_chance
        ),
        None,
    )


def _find_best(results: Iterable[CaseResult]) -> CaseResult | None:
    return max(results, key=lambda each: each.accuracy, default=None)


def _describe_win(said: str, own: CaseResult, other: CaseResult, pair: PairedComparison) -> str:
    return _(
        "Yes: the textbook said {cases}, and no other case did better. Case {first} leads case "
        "{second} by {points:.1f} points, {sure}.",
        cases=said,
        first=own.case.value,
        second=other.case.value,
        points=100 * (own.accuracy - other.accuracy),
        sure=_describe_chance(pair),
    )


def _describe_chance(pair: PairedComparison) -> str:
    p = "p < 0.001" if pair.p_value < 0.001 else _("p = {p:.2g}", p=pair.p_value)
    if pair.may_be_chance:
        return _("which may be chance ({p})", p=p)
    return _("more than chance ({p})", p=p)


def _describe_loss(
    said: str, own: CaseResult, best: CaseResult, pair: PairedComparison
) -> tuple[bool, str]:
    values = {
        "cases": said,
        "best": best.case.value,
        "points": 100 * (best.accuracy - own.accuracy),
        "sure": _describe_chance(pair),
    }
    if pair.may_be_chance:
        text = N_(
            "Not wrong: the textbook said {cases}; case {best} is {points:.1f} points ahead, "
            "{sure}."
        )
    else:
        text = N_(
            "No: the textbook said {cases}, but case {best} is {points:.1f} points ahead, {sure}."
        )
    return pair.may_be_chance, _(text, **values)


def _describe_open(textbook: TransferCase, alternative: TransferCase) -> str:
    similar, different = sorted((textbook, alternative), key=lambda case: -(case % 2))
    return _(
        "Whether your images are similar can't be told: the textbook says case {similar} if they "
        "are, case {different} if not. Case {likelier} is likelier.",
        similar=similar.value,
        different=different.value,
        likelier=textbook.value,
    )


def _describe_pretraining(results: Mapping[str, CaseResult], compare) -> str:
    """Say whether training everything gained by what the network knew."""
    tuned, scratch = results.get("3") or results.get("4-pretrained"), results.get("4-random")
    if not (tuned and scratch):
        return ""
    pair = compare(tuned.runs[0], scratch.runs[0])
    lead = 100 * (tuned.accuracy - scratch.accuracy)
    if pair.may_be_chance:
        return _("Random weights did as well, as far as chance can tell.")
    if lead > 0:
        text = N_("What the network knew before gave {points:.1f} points over random weights.")
    else:
        text = N_("What the network knew before cost {points:.1f} points against random weights.")
    return _(text, points=abs(lead))


def _describe_shortening(results: Mapping[str, CaseResult]) -> str:
    cases = sorted({each.case.value for each in results.values() if each.is_shortened})
    if not cases:
        return ""
    if len(cases) == 1:
        return _("* Case {case} was shortened: a full run may end higher.", case=cases[0])
    return _(
        "* Cases {cases} and {last} were shortened: full runs may end higher.",
        cases=", ".join(map(str, cases[:-1])),
        last=cases[-1],
    )
