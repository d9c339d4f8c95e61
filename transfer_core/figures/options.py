"""Options in words: the accuracy of each with its interval, its time, and its marks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from transfer_core.languages import _

if TYPE_CHECKING:
    from transfer_core.transferability import Option


def describe_options(
    options: "Sequence[Option]",
    marks: Mapping[str, Sequence[str]],
    results: Mapping[str, str],
) -> str:
    """All options in words, for those who do not see their rows.

    Args:
        options: In the order of the rows.
        marks: The words beside their names, by their keys.
        results: What runs reached, as it is shown, by the keys of their options.
    """
    rows = []
    for option in options:
        words = ", ".join(marks.get(option.key, ())).replace("★ ", "")
        numbers = [describe_expectation(option) or _("accuracy unknown")]
        numbers.append(_describe_expected(option))
        if option.key in results:
            numbers.append(_("your run reached {accuracy}", accuracy=results[option.key]))
        rows.append(f"{option.name}{f' ({words})' if words else ''}: {', '.join(numbers)}")
    return "; ".join(rows) + "."


def _describe_expected(option: "Option") -> str:
    time = describe_seconds(option.seconds_low, option.seconds_high)
    if option.expectation is None:
        return time
    return f"{describe_expected_source(option)} · {time}"


def describe_expected_source(option: "Option") -> str:
    """How it is known what a run is expected to reach: "measured" or "forecast"."""
    return _("measured") if option.measured else _("forecast")


def describe_expectation(option: "Option") -> str:
    """The 80 % interval that a run is expected to end in, short: "91 to 96%"; "" if unknown."""
    if option.expectation is None:
        return ""
    low, high = round(100 * option.expectation.low), round(100 * option.expectation.high)
    return f"{high}%" if low == high else _("{low} to {high}%", low=low, high=high)


def describe_accuracy(option: "Option") -> str:
    """The accuracy with its interval: "93% (91–95%)", or of runs "93.3% (91–95%)"."""
    if option.accuracy is None:
        return _("accuracy unknown")
    if option.runs:
        return format_interval(option.accuracy, option.low, option.high)
    ends = {"low": 100 * option.low, "high": option.high}
    return _("{accuracy:.0%} ({low:.0f}–{high:.0%})", accuracy=option.accuracy, **ends)


def format_interval(accuracy: float, low: float, high: float) -> str:
    """The accuracy of runs with its interval, all in [0, 1]: "93.3% (91–95%)"."""
    return _("{accuracy:.1%} ({low:.0f}–{high:.0%})", accuracy=accuracy, low=100 * low, high=high)


def describe_knowledge(option: "Option") -> str:
    """How the accuracy is known, and the time of a run: "measured · 4 s"."""
    time = describe_seconds(option.seconds_low, option.seconds_high)
    if option.accuracy is None:
        return time
    return f"{describe_how_known(option)} · {time}"


def describe_how_known(option: "Option") -> str:
    """How the accuracy is known: by runs, by cross-validation, or from other image sets."""
    if option.runs:
        return _("measured by your run") if option.runs == 1 else _("measured by your runs")
    return describe_expected_source(option)


def describe_seconds(low: float | None, high: float | None) -> str:
    """A range of seconds, short: "4 s", "3–5 min", "2 h"."""
    if low is None or high is None:
        return _("time unknown")
    unit, seconds = next(
        (unit, seconds)
        for unit, seconds, least in (("h", 3600, 5400), ("min", 60, 90), ("s", 1, 0))
        if high >= least
    )
    first, last = (max(1, round(each / seconds)) for each in (low, high))
    return f"{last} {unit}" if first == last else f"{first}–{last} {unit}"
