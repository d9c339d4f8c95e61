"""Which option to take: the most accurate within the minutes, ties to the cheaper; and why."""

from transfer_core.transferability.explanation import to_percent
from transfer_core.transferability.options import Option, Options
from transfer_core.transferability.similarity_calibration import Calibration

COST_ORDER = ("1", "2-", "all-stages", "last-stages", "first-stages", "3", "4-")  # cheapest first
NOTHING_KNOWN = "Too few images to say which option is best."


def choose_option(
    options: tuple[Option, ...], minutes: float, calibration: Calibration
) -> Option | None:
    """Return the most accurate option within the minutes; None if nothing is known.

    A dearer option must be better by more than the calibration's margin, for smaller
    differences are noise.

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
    both_measured = one.measured and other.measured
    return calibration.margin if both_measured else calibration.forecast_margin


def explain_recommendation(options: tuple[Option, ...], minutes: float) -> str:
    """Say which option is recommended and why, for people."""
    chosen = next((each for each in options if each.recommended), None)
    if chosen is None:
        return NOTHING_KNOWN
    reached = describe_accuracy(chosen)
    better = [
        each
        for each in options
        if each.accuracy is not None and to_percent(each.accuracy) > to_percent(chosen.accuracy)
    ]
    late = max(
        (each for each in better if not fits(each, minutes)),
        key=lambda each: each.accuracy,
        default=None,
    )
    if late:
        return f"{reached}. {describe_accuracy(late)}, but {_describe_lateness(late, minutes)}."
    if better:
        return f"{reached}. Nothing else is better by more than chance may give."
    return f"{reached}. Nothing else is expected to do better."


def compare_voices(options: Options, textbook_key: str) -> str:
    """Say what the textbook's case is expected to reach beside the recommended option.

    Args:
        options: All options.
        textbook_key: From `get_textbook_key`.
    """
    textbook, chosen = options.find(textbook_key), options.recommended
    if chosen is None or chosen is textbook:
        return "" if chosen is None else "The textbook points at the same."
    if textbook.accuracy is None:
        return f"{textbook.name}, the textbook's case: {textbook.note}"
    told = f"The textbook's case: {describe_accuracy(textbook)}"
    if not fits(textbook, options.minutes):
        return f"{told}, but {_describe_lateness(textbook, options.minutes)}."
    if to_percent(textbook.accuracy) < to_percent(chosen.accuracy):
        return f"{told}. The rule knows only size and similarity, not your images."
    cost = ", at a higher cost" if _rank_cost(textbook) > _rank_cost(chosen) else ""
    return f"{told}: no difference that counts{cost}."


def describe_accuracy(option: Option) -> str:
    """Say what an option reached, or what is forecast for it."""
    accuracy = to_percent(option.accuracy)
    if option.measured:
        return f"{option.name}: {accuracy}% right, measured"
    return f"{option.name}: {accuracy}% right, forecast"


def _describe_lateness(option: Option, minutes: float) -> str:
    if option.seconds_high is None:
        return "how long it takes is not known yet"
    return f"it may take {max(1, round(option.seconds_high / 60)):,} min, and you allow {minutes:g}"
