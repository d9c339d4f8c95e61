"""Options side by side: the accuracy of each with its interval, its time, and its marks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, ORANGE, PURPLE, TRANSPARENT, apply_layout

if TYPE_CHECKING:
    from transfer_core.transferability import Option

ROW_PIXELS = 54
TRACK_PLACE = 0.17  # below the middle of a row, in rows
TRACK_SHARE = 0.6  # of the width; right of it stand the numbers
GROUP_TITLES = {True: "The four cases", False: "Beyond the textbook"}
MARGIN = 0.03  # of accuracy, left and right of everything that is drawn


def plot_options(
    options: "Sequence[Option]",
    marks: Mapping[str, Sequence[str]],
    results: Mapping[str, float],
    *,
    chosen: str,
) -> go.Figure:
    """Draw a row for each option: name and marks, a dot and a bar, and the numbers.

    Args:
        options: In the order of the rows, those of the textbook first.
        marks: Words beside the name of an option, by its key.
        results: Test accuracies of finished runs, in [0, 1], by the key of their option.
        chosen: Key of the option whose row is filled.

    Returns:
        A figure in which each row is a selectable bar. Its customdata is the option's key.
    """
    figure, places = go.Figure(), _place_rows(options)
    left, right = _find_range(options, results)
    width = (right - left) / TRACK_SHARE
    for option in options:
        row = places[option.key]
        _add_row(figure, option, row, left, width, is_chosen=option.key == chosen)
        words = " · ".join([f"<b>{option.name}</b>", *marks.get(option.key, ())])
        _add_text(figure, left + 0.01 * width, row - 0.27, words)
        numbers = _format_numbers(option, results.get(option.key))
        _add_text(figure, right + 0.02 * width, row + 0.05, numbers)
    for is_textbook, place in _place_titles(options).items():
        _add_text(figure, left, place, GROUP_TITLES[is_textbook], colour=GREY)
    _add_tracks(figure, places, left, right)
    for measured in (True, False):
        _add_intervals(figure, options, places, measured=measured)
    _add_results(figure, results, places)
    rows = max(places.values()) + 0.6
    figure.update_xaxes(
        range=[left, left + width],
        tickvals=_choose_ticks(left, right),
        tickformat=".0%",
        title="test accuracy, 80% intervals",
        fixedrange=True,
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(visible=False, range=[rows, -0.9], fixedrange=True)
    figure.update_layout(barmode="overlay", hovermode="closest", legend={"itemclick": False})
    return apply_layout(
        figure, "Every way to train, and what it reaches", height=round(150 + ROW_PIXELS * rows)
    )


def describe_options(
    options: "Sequence[Option]",
    marks: Mapping[str, Sequence[str]],
    results: Mapping[str, float],
) -> str:
    """The figure in words."""
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


def _format_numbers(option: "Option", result: float | None) -> str:
    run = "" if result is None else f" · run: {result:.0%}"
    return f"<b>{describe_accuracy(option)}</b><br>{describe_knowledge(option)}{run}"


def _place_rows(options: "Sequence[Option]") -> dict[str, float]:
    """The height of each option's row, in rows; a title before each group takes a part of one."""
    places, place, group = {}, 0.0, None
    for option in options:
        is_textbook = option.strategy.approach == "textbook"
        place += 0.55 * (group is not None and is_textbook != group)
        places[option.key], place, group = place, place + 1, is_textbook
    return places


def _place_titles(options: "Sequence[Option]") -> dict[bool, float]:
    """The height of the title of each group that has an option."""
    first: dict[bool, float] = {}
    for key, place in _place_rows(options).items():
        option = next(each for each in options if each.key == key)
        first.setdefault(option.strategy.approach == "textbook", place - 0.72)
    return first


def _find_range(options: "Sequence[Option]", results: Mapping[str, float]) -> tuple[float, float]:
    """Both ends of the accuracies that are drawn, with a margin."""
    ends = [end for each in options for end in (each.low, each.high) if end is not None]
    ends += results.values()
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    return max(-MARGIN, low - MARGIN), min(1 + MARGIN, high + MARGIN)


def _choose_ticks(left: float, right: float) -> list[float]:
    """Three to six round accuracies between both ends."""
    step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.25) if (right - left) / step <= 5)
    return [n * step for n in range(round(1 / step) + 1) if left <= n * step <= right]


def _add_row(
    figure, option: "Option", row: float, left: float, width: float, *, is_chosen: bool
) -> None:
    """A bar over the whole row, to be clicked."""
    steady = {"marker": {"opacity": 1}}  # a click must not fade the other rows
    figure.add_bar(
        orientation="h",
        y=[row],
        x=[width],
        base=[left],
        width=0.92,
        customdata=[option.key],
        selected=steady,
        unselected=steady,
        showlegend=False,
        marker={
            "color": "rgba(209, 114, 10, 0.18)" if is_chosen else TRANSPARENT,
            "line": {"color": ORANGE if is_chosen else TRANSPARENT, "width": 1},
        },
        hovertemplate=f"{option.name}: choose it<br>{option.note}<extra></extra>",
    )


def _add_tracks(figure, places: Mapping[str, float], left: float, right: float) -> None:
    """A thin line in each row, on which its dot stands."""
    heights = [place + TRACK_PLACE for place in places.values()]
    figure.add_scatter(
        x=[left + 0.01, right, None] * len(heights),
        y=[y for height in heights for y in (height, height, None)],
        mode="lines",
        line={"color": GREY, "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )


def _add_text(figure, x: float, y: float, text: str, **font: str) -> None:
    font = {"size": 12} | ({"color": font["colour"]} if font else {})
    place = {"x": x, "y": y, "xanchor": "left", "yanchor": "middle"}
    place |= {"align": "left", "showarrow": False}
    figure.add_annotation(text=text, font=font, **place)


def _add_intervals(figure, options, places: Mapping[str, float], *, measured: bool) -> None:
    """Dots with bars: filled and solid if measured, open and thin if forecast."""
    shown = [each for each in options if each.measured == measured and each.accuracy is not None]
    if not shown:
        return
    colour = BLUE if measured else PURPLE
    figure.add_scatter(
        x=[each.accuracy for each in shown],
        y=[places[each.key] + TRACK_PLACE for each in shown],
        mode="markers",
        name="measured on your images" if measured else "forecast",
        marker={"size": 11, "color": colour, "symbol": "circle" if measured else "diamond-open"},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [each.high - each.accuracy for each in shown],
            "arrayminus": [each.accuracy - each.low for each in shown],
            "thickness": 5 if measured else 2,
            "width": 0 if measured else 5,
            "color": colour,
        },
        hoverinfo="skip",
    )


def _add_results(figure, results: Mapping[str, float], places: Mapping[str, float]) -> None:
    """Stars at the test accuracies of runs."""
    shown = {key: result for key, result in results.items() if key in places}
    if shown:
        figure.add_scatter(
            x=list(shown.values()),
            y=[places[key] + TRACK_PLACE for key in shown],
            mode="markers",
            name="measured by a run",
            marker={"size": 14, "color": ORANGE, "symbol": "star"},
            hoverinfo="skip",
        )
