"""The four cells of the decision diagram: their marks, their words and their numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import plotly.graph_objects as go

from transfer_core.cases import Strategy, TransferCase
from transfer_core.figures.options import describe_accuracy, describe_knowledge
from transfer_core.figures.theme import BLUE, GREEN, GREY, ORANGE, TRANSPARENT
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.transferability import Option

CASE_SUMMARIES = {  # short enough for a phone
    TransferCase.SMALL_SIMILAR: N_("freeze all, new layer"),
    TransferCase.SMALL_DIFFERENT: N_("freeze early layers"),
    TransferCase.LARGE_SIMILAR: N_("train everything"),
    TransferCase.LARGE_DIFFERENT: N_("start from random"),
}


@dataclass(frozen=True, slots=True)
class CaseMarks:
    """The cases that are marked in the diagram; None marks none."""

    textbook: TransferCase | None = None  # outlined
    recommended: TransferCase | None = None  # outlined with dashes, inside the other
    chosen: TransferCase | None = None  # filled
    alternative: TransferCase | None = None  # the textbook's too, if similarity can't be told

    @classmethod
    def collect(
        cls,
        textbook: TransferCase,
        recommended: Strategy | None = None,
        chosen: Strategy | None = None,
        *,
        alternative: TransferCase | None = None,
    ) -> Self:
        """Mark the cases that these strategies are; those beyond the textbook are none."""
        best, own = (each and each.textbook_case for each in (recommended, chosen))
        return cls(textbook, best, own, alternative)

    def list_words(self, case: TransferCase) -> list[str]:
        """The lines that stand for the marks of a case: colour never carries them alone."""
        words = {_("textbook"): self.textbook, _("chosen"): self.chosen}
        others = [word for word, marked in words.items() if marked == case]
        best = [_("★ recommended")] if case == self.recommended else []
        return [*best, *([" · ".join(others)] if others else [])]


def _compute_cell_edges(case: TransferCase, line_height: float) -> tuple[float, float, float]:
    """Left, lower and upper edge of a case's cell, each half as wide as the diagram."""
    left = 0.5 if case.similarity == "similar" else 0.0
    return (left, 0.0, line_height) if case.size == "small" else (left, line_height, 1.0)


def add_cell(figure: go.Figure, case: TransferCase, line_height: float, marks: CaseMarks) -> None:
    left, low, high = _compute_cell_edges(case, line_height)
    is_chosen, steady = case == marks.chosen, {"marker": {"opacity": 1}}
    figure.add_bar(
        x=[left + 0.25],
        width=0.492,
        base=[low + 0.006],
        y=[high - low - 0.012],
        customdata=[case.value],
        selected=steady,  # a click must not fade the other cells
        unselected=steady,
        showlegend=False,
        marker={
            "color": "rgba(209, 114, 10, 0.18)" if is_chosen else TRANSPARENT,
            "line": {"color": ORANGE if is_chosen else GREY, "width": 1},
        },
        hovertemplate=_("{case}: choose it", case=_(case.title)) + "<extra></extra>",
    )
    if case == marks.textbook:
        _add_outline(figure, left, low, high, 0.006, {"color": BLUE, "width": 4})
    if case == marks.recommended:
        line = {"color": GREEN, "width": 4, "dash": "dash"}
        _add_outline(figure, left, low, high, 0.018, line)


def _add_outline(figure, left: float, low: float, high: float, inset: float, line: dict) -> None:
    corners = {"x0": left + inset, "x1": left + 0.5 - inset, "y0": low + inset, "y1": high - inset}
    figure.add_shape(type="rect", line=line, **corners)


def add_cell_label(
    figure: go.Figure,
    case: TransferCase,
    line_height: float,
    marks: CaseMarks,
    option: "Option | None",
    point_height: float | None,
) -> None:
    """Write the case, its surgery and its numbers into the cell, clear of the data set's point."""
    left, low, high = _compute_cell_edges(case, line_height)
    number, _colon, situation = _(case.title).partition(": ")
    title = [f"<b>{number}</b>: {situation}", _(CASE_SUMMARIES[case])]
    numbers, words = [], [f"<b>{word}</b>" for word in marks.list_words(case)]
    if option and option.accuracy is not None:
        numbers = [f"<b>{describe_accuracy(option)}</b>", describe_knowledge(option)]
    height = None if point_height is None else (point_height - low) / (high - low)  # in the cell
    top, bottom = _arrange_around(height, title, numbers, words)
    for edge, lines in (("top", top), ("bottom", bottom)):
        figure.add_annotation(
            x=left + 0.25,
            y=high if edge == "top" else low,
            yanchor=edge,
            yshift=-12 if edge == "top" else 12,
            text="<br>".join(lines),
            font={"size": 12},
            showarrow=False,
        )


def _arrange_around(
    height: float | None, title: list[str], numbers: list[str], words: list[str]
) -> tuple[list[str], list[str]]:
    """Lines at the top and at the bottom of a cell, clear of a point at this share of its height.

    A cell is at least 11 lines high, and holds 6 at most.
    """
    if height is None or 0.5 <= height <= 0.68:
        return title, [*numbers, *words]
    if height > 0.68:
        return [], [*title, *numbers, *words]
    if height < 0.32:
        return [*title, *numbers, *words], []
    return [*title, *numbers], words
