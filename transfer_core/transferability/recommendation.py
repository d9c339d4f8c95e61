"""Which option to take: the most accurate within the minutes, ties to the cheaper; and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from transfer_core.languages import N_, _, ngettext
from transfer_core.transferability.accuracy_interval import AccuracyInterval
from transfer_core.transferability.explanation import to_percent
from transfer_core.transferability.options import TRAINED_ALIKE, Option, Options
from transfer_core.transferability.similarity_calibration import Calibration

if TYPE_CHECKING:
    from transfer_core.inspection import CaseResult

COST_ORDER = ("1", "2-", "all-stages", "last-stages", "first-stages", "3", "4-")  # cheapest first
NOTHING_KNOWN = N_("Too few images to say which option is best.")
STANDARD_ERRORS = 2.0  # in the margin of a run's accuracy


def apply_results(
    options: tuple[Option, ...], results: Mapping[str, CaseResult]
) -> tuple[Option, ...]:
    """Return the options with what runs reached in place of what was expected.

    Args:
        options: All options.
        results: Results of runs on the same images and network, by the key of their option;
            shortened ones count for nothing.
    """
    full = {key: result for key, result in results.items() if not result.is_shortened}
    reached = {TRAINED_ALIKE[key]: full[key] for key in TRAINED_ALIKE if key in full} | full
    return tuple(
        _apply_result(each, reached[each.key]) if each.key in reached else each for each in options
    )


def _apply_result(option: Option, result: CaseResult) -> Option:
    known = option.accuracy is not None
    expected = AccuracyInterval(option.accuracy, option.low, option.high) if known else None
    times = (result.seconds,) * 2 if result.seconds else (option.seconds_low, option.seconds_high)
    return replace(
        option,
        accuracy=result.accuracy,
        low=result.low,
        high=result.high,
        seconds_low=times[0],
        seconds_high=times[1],
        note="",
        runs=len(result.runs),
        expected=expected,
    )


def choose_option(
    options: tuple[Option, ...], minutes: float, calibration: Calibration
) -> Option | None:
    """Return the most accurate option within the minutes; None if nothing is known.

    A dearer option must be better by more than a margin: that of the calibration (of those that
    were fitted, half a point between two measured options, and none where one is forecast) or,
    between two options that were run, a standard error of their test.

    Args:
        options: In the order of `cases.list_strategies`.
        minutes: That a run may take.
        calibration: With the margins.
    """
    chosen: Option | None = None
    candidates = [each for each in options if fits(each, minutes)]
    for option in _keep_one_cut(candidates, calibration.margin):
        if chosen is None or option.accuracy > chosen.accuracy + _get_margin(
            option, chosen, calibration
        ):
            chosen = option
    return chosen


def fits(option: Option, minutes: float) -> bool:
    """Whether the accuracy of an option is known, and it is sure to end within the minutes.

    An option that was not timed fits if it is measured: it then takes seconds.
    """
    if option.accuracy is None:
        return False
    if option.seconds_high is None:
        return option.measured
    return option.seconds_high <= 60 * minutes


def _keep_one_cut(options: list[Option], margin: float) -> list[Option]:
    """Return the options, cheapest first, with one cut of case 2: the deepest of the best."""
    cuts = [each for each in options if each.key.startswith("2-")]  # the deepest first
    best = max((each.accuracy for each in cuts), default=0.0)
    kept = next((each for each in cuts if each.accuracy >= best - margin), None)
    return sorted((e for e in options if e is kept or e not in cuts), key=_rank_cost)


def _rank_cost(option: Option) -> int:
    return next(i for i, start in enumerate(COST_ORDER) if option.key.startswith(start))


def _get_margin(one: Option, other: Option, calibration: Calibration) -> float:
    if one.runs and other.runs:
        half = max((each.high - each.low) / 2 for each in (one, other))
        return max(calibration.margin, half / STANDARD_ERRORS)
    both_measured = one.measured and other.measured
    return calibration.margin if both_measured else calibration.forecast_margin


def explain_recommendation(options: tuple[Option, ...], minutes: float) -> str:
    """Say which option is recommended and why, for people."""
    chosen = next((each for each in options if each.recommended), None)
    if chosen is None:
        return _(NOTHING_KNOWN)
    told = [_("{reached}.", reached=describe_accuracy(chosen))]
    better = [
        each
        for each in options
        if each.accuracy is not None and _get_printed(each) > _get_printed(chosen)
    ]
    if not better:
        told.append(_("Nothing else is expected to do better."))
    if not (chosen.measured or chosen.runs):
        told.append(
            _describe_safe_option(chosen, [each for each in options if fits(each, minutes)])
        )
    alike = [each for each in better if fits(each, minutes)]
    if alike:
        other = describe_accuracy(max(alike, key=_get_printed))
        told.append(_("{other}; about the same, for so small a lead may be chance.", other=other))
    late = max((each for each in better if each not in alike), key=_get_printed, default=None)
    if late:
        why = _describe_lateness(late, minutes)
        told.append(_("{late}, but {why}.", late=describe_accuracy(late), why=why))
    return " ".join(filter(None, told))


def _describe_safe_option(chosen: Option, options: list[Option]) -> str:
    """Name the best cheaper option whose accuracy is measured, if the forecast may be too high."""
    cheaper = [
        each
        for each in options
        if (each.measured or each.runs) and _rank_cost(each) < _rank_cost(chosen)
    ]
    best = max(cheaper, key=lambda each: each.accuracy, default=None)
    if best is None or best.accuracy < chosen.low:
        return ""
    return _(
        "A forecast is rough, and a cheaper way may do as well: {other}.",
        other=describe_accuracy(best),
    )


def _get_printed(option: Option) -> float:
    """Return the accuracy as `describe_accuracy` prints it."""
    return round(option.accuracy, 3) if option.runs else to_percent(option.accuracy) / 100


def compare_voices(options: Options, textbook_key: str) -> str:
    """Say what the textbook's case is expected to reach beside the recommended option.

    Args:
        options: All options.
        textbook_key: From `get_textbook_key`.
    """
    textbook, chosen = options.find(textbook_key), options.recommended
    if chosen is None or chosen is textbook:
        return "" if chosen is None else _("The textbook points at the same.")
    if textbook.accuracy is None:
        return _("{option}, the textbook's case: {note}", option=textbook.name, note=textbook.note)
    told = _("The textbook's case: {accuracy}", accuracy=describe_accuracy(textbook))
    if not fits(textbook, options.minutes):
        late = _describe_lateness(textbook, options.minutes)
        return _("{told}, but {why}.", told=told, why=late)
    if _get_printed(textbook) < _get_printed(chosen):
        return _("{told}. The rule knows only size and similarity, not your images.", told=told)
    if _rank_cost(textbook) > _rank_cost(chosen):
        return _("{told}: no difference that counts, at a higher cost.", told=told)
    return _("{told}: no difference that counts.", told=told)


def describe_accuracy(option: Option) -> str:
    """Say what an option reached, or what is forecast for it."""
    accuracy = to_percent(option.accuracy)
    if option.runs:
        return ngettext(
            "{option}: {accuracy:.1%} right, measured by your run",
            "{option}: {accuracy:.1%} right, measured by your {n} runs",
            option.runs,
            option=option.name,
            accuracy=option.accuracy,
        )
    if option.measured:
        text = N_("{option}: {accuracy}% right, measured")
    else:
        text = N_("{option}: {accuracy}% right, forecast")
    return _(text, option=option.name, accuracy=accuracy)


def _describe_lateness(option: Option, minutes: float) -> str:
    if option.seconds_high is None:
        return _("how long it takes is not known yet")
    longest = max(1, round(option.seconds_high / 60))
    allowed = {"longest": longest, "minutes": minutes}
    return _("it may take {longest:,} min, and you allow {minutes:g}", **allowed)
