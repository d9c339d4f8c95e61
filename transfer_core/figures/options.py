"""Options in words: the accuracy of each with its interval, its time, and its marks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transfer_core.transferability import Option


def describe_options(
    options: "Sequence[Option]",
    marks: Mapping[str, Sequence[str]],
    results: Mapping[str, float],
) -> str:
    """All options in words, for those who do not see their rows."""
    rows = []
    for option in options:
        words = ", ".join(marks.get(option.key, ())).replace("★ ", "")
        numbers = [describe_accuracy(option), describe_knowledge(option)]
        if option.key in results:
            numbers.append(f"a run reached {results[option.key]:.0%}")
        rows.append(f"{option.name}{f' ({words})' if words else ''}: {', '.join(numbers)}")
    return "; ".join(rows) + "."


def describe_accuracy(option: "Option") -> str:
    """The accuracy with its 80 % interval: "93% (91–95%)"."""
    if option.accuracy is None:
        return "accuracy unknown"
    return f"{option.accuracy:.0%} ({100 * option.low:.0f}–{option.high:.0%})"


def describe_knowledge(option: "Option") -> str:
    """How the accuracy is known, and the time of a run: "measured · 4 s"."""
    time = describe_seconds(option.seconds_low, option.seconds_high)
    if option.accuracy is None:
        return time
    return f"{'measured' if option.measured else 'forecast'} · {time}"


def describe_seconds(low: float | None, high: float | None) -> str:
    """A range of seconds, short: "4 s", "3–5 min", "2 h"."""
    if low is None or high is None:
        return "time unknown"
    unit, seconds = next(
        (unit, seconds)
        for unit, seconds, least in (("h", 3600, 5400), ("min", 60, 90), ("s", 1, 0))
        if high >= least
    )
    first, last = (max(1, round(each / seconds)) for each in (low, high))
    return f"{last} {unit}" if first == last else f"{first}–{last} {unit}"
