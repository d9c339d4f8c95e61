"""The test accuracies of a whole class, so that chance and choice can be seen."""

from collections.abc import Iterable, Mapping, Sequence
from math import floor
from statistics import median

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, ORANGE, apply_layout, escape_label
from transfer_core.languages import _, ngettext

Point = tuple[int | None, float, str]  # the textbook's case, accuracy in [0, 1], whose it is
STEP = 0.13  # between points that lie over each other, as a part of the room of a case
ROOM = 0.4  # on each side of the line of a case


def plot_class_spread(points: Sequence[Point], data_name: str) -> go.Figure:
    """A point for each run on the line of its case, and a bar at the median of each case.

    Args:
        points: Of the runs with a result; None is a case beyond the textbook.
        data_name: The data set that all are on.
    """
    figure, groups = go.Figure(), _group(points)
    for number, (case, group) in enumerate(groups.items()):
        figure.add_scatter(
            x=[accuracy for accuracy, __ in group],
            y=[number + shift for shift in _shift([accuracy for accuracy, __ in group])],
            text=[escape_label(name, 40) for __, name in group],
            mode="markers",
            marker={"color": ORANGE if case is None else BLUE, "size": 11, "opacity": 0.75},
            hovertemplate="%{text}: %{x:.1%}<extra></extra>",
            showlegend=False,
        )
        middle = median(accuracy for accuracy, __ in group)
        figure.add_scatter(
            x=[middle, middle],
            y=[number - 0.4, number + 0.4],
            mode="lines",
            line={"color": GREY, "width": 3},
            name=_("median"),
            showlegend=number == 0,
            hoverinfo="skip",
        )
    lowest = max(0, floor(10 * min((each[1] for each in points), default=0)) - 1) / 10
    figure.update_xaxes(title=_("test accuracy"), tickformat=".0%", range=[lowest, 1.01])
    figure.update_yaxes(
        tickvals=[*range(len(groups))],
        ticktext=[_name_case(case) for case in groups],
        range=[len(groups) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )
    title = _("Test accuracy on {data}", data=escape_label(data_name, 40))
    return apply_layout(figure, title, height=150 + 75 * len(groups))


def describe_class_spread(points: Sequence[Point], data_name: str) -> str:
    """The figure in words."""
    groups = "; ".join(
        ngettext(
            "{case}: {n} run, {low:.1%}",
            "{case}: {n} runs, {low:.1%} to {high:.1%}, median {middle:.1%}",
            len(group),
            case=_name_case(case),
            low=min(accuracy for accuracy, __ in group),
            high=max(accuracy for accuracy, __ in group),
            middle=median(accuracy for accuracy, __ in group),
        )
        for case, group in _group(points).items()
    )
    return _("Test accuracy on {data}: {groups}.", data=data_name, groups=groups)


def _group(points: Iterable[Point]) -> Mapping[int | None, list[tuple[float, str]]]:
    """Accuracies and names by case, the textbook's cases first."""
    groups: dict[int | None, list[tuple[float, str]]] = {}
    for case, accuracy, name in sorted(points, key=lambda point: (point[0] or 99, point[1])):
        groups.setdefault(case, []).append((accuracy, name))
    return groups


def _shift(accuracies: Sequence[float]) -> list[float]:
    """Where points lie beside the line of their case, so that equal ones are seen side by side."""
    bins = [round(accuracy * 100) for accuracy in accuracies]
    shifts = []
    for place, each in enumerate(bins):
        before, together = bins[:place].count(each), bins.count(each)
        step = min(STEP, 2 * ROOM / together)
        shifts.append(step * ((before + 1) // 2) * (-1) ** before)
    return shifts


def _name_case(case: int | None) -> str:
    return _("other ways") if case is None else _("case {number}", number=case)
