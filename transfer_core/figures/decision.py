"""The decision diagram: size against similarity, four cells, and the data set as a point."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.cases import Similarity, SizeJudgement, TransferCase
from transfer_core.figures.options import describe_accuracy, describe_knowledge
from transfer_core.figures.theme import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    TRANSPARENT,
    apply_layout,
)

if TYPE_CHECKING:
    from transfer_core.transferability import Option, SimilarityEstimate

MIN_AXIS_IMAGES, MAX_AXIS_IMAGES = 10, 3_000_000  # ends of the size axis
MIN_ROW_HEIGHT = 0.42  # of the diagram's height; a row of cells needs it for its text
MIN_TICK_DISTANCE = 0.06  # of the diagram's height; closer labels would overlap
SIZE_TICKS = {
    10: "10",
    100: "100",
    1_000: "1,000",
    10_000: "10,000",
    100_000: "100,000",
    1_000_000: "1 million",
}
CASE_SUMMARIES = {  # short enough for a phone
    TransferCase.SMALL_SIMILAR: "freeze all, new layer",
    TransferCase.SMALL_DIFFERENT: "freeze early layers",
    TransferCase.LARGE_SIMILAR: "train everything",
    TransferCase.LARGE_DIFFERENT: "start from random",
}
CROSSOVER_NAME = "from here training everything<br>began to win in our measurements"


@dataclass(frozen=True, slots=True)
class CaseMarks:
    """The cases that are marked in the diagram; None marks none."""

    textbook: TransferCase | None = None  # outlined
    recommended: TransferCase | None = None  # outlined with dashes, inside the other
    chosen: TransferCase | None = None  # filled

    def list_words(self, case: TransferCase) -> list[str]:
        """The lines that stand for the marks of a case: colour never carries them alone."""
        words = {"textbook": self.textbook, "chosen": self.chosen}
        others = [word for word, marked in words.items() if marked == case]
        best = ["★ recommended"] if case == self.recommended else []
        return [*best, *([" · ".join(others)] if others else [])]


def plot_decision_diagram(
    size: SizeJudgement,
    estimate: "SimilarityEstimate | None",
    marks: CaseMarks,
    options: "Mapping[TransferCase, Option]",
    *,
    crossover: int | None = None,
) -> go.Figure:
    """Draw two axes and four cells: small data sets at the bottom, similar ones at the right.

    The size axis is logarithmic on either side of the dividing line. The line's height follows
    its value, as long as both rows of cells have room for their text.

    Args:
        size: The answer to the size question, with the dividing line.
        estimate: Probability and interval of the data set's point; None draws no point.
        marks: The cases that are marked.
        options: The option whose accuracy and time stand in each cell; may lack cases.
        crossover: Images from which training everything won in measurements; None draws no mark.

    Returns:
        A figure in which each cell is a selectable bar. Its customdata is the case's number.
    """
    figure, split = go.Figure(), _compute_line_height(size.line)
    for case in TransferCase:
        _add_cell(figure, case, split, marks)
        is_row_of_point = estimate and case.size == size.answer
        point = _scale_to_height(size.images, size.line) if is_row_of_point else None
        _add_cell_label(figure, case, split, marks, options.get(case), point)
    figure.add_hline(y=split, line={"width": 3, "color": GREY})
    if crossover is not None:
        _add_crossover(figure, _scale_to_height(crossover, size.line))
    if estimate:
        _add_point(figure, size, estimate)
    _set_axes(figure, size.line)
    figure.update_layout(barmode="overlay", hovermode="closest", legend={"itemclick": False})
    return apply_layout(figure, "Which case is it?", height=580)


def _set_axes(figure: go.Figure, line: int) -> None:
    figure.update_xaxes(
        title="how likely your images are similar",
        range=[-0.005, 1.005],
        tickvals=[0, 0.25, 0.5, 0.75, 1],
        ticktext=["0%", "different", "50%", "similar", "100%"],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        ticklabeloverflow="allow",
    )
    split = _compute_line_height(line)
    marks = {text: _scale_to_height(mark, line) for mark, text in SIZE_TICKS.items()}
    shown = {text: y for text, y in marks.items() if abs(y - split) > MIN_TICK_DISTANCE}
    shown[f"<b>line<br>{line:,}</b>"] = split
    figure.update_yaxes(
        title="images to learn from",
        range=[-0.005, 1.005],
        fixedrange=True,
        zeroline=False,
        showgrid=False,
        tickvals=list(shown.values()),
        ticktext=list(shown),
        ticks="outside",
    )


def describe_decision(
    size: SizeJudgement,
    estimate: "SimilarityEstimate | None",
    marks: CaseMarks,
    options: "Mapping[TransferCase, Option]",
    *,
    own_answer: Similarity | None = None,
    crossover: int | None = None,
) -> str:
    """The diagram in words; the person's own answer stands beside the estimate."""
    sentences = [
        f"{size.images:,} images to learn from, {size.answer} (the line is at {size.line:,})."
    ]
    if estimate:
        sentences.append(f"Similar with probability {estimate.probability:.0%}, says the network.")
    if own_answer:
        sentences.append(f"You say: {own_answer}; the textbook's case follows you.")
    for word, case in (
        ("The textbook's case", marks.textbook),
        ("Recommended", marks.recommended),
        ("Chosen", marks.chosen),
    ):
        if case:
            sentences.append(f"{word} is {case.title}.")
    for case, option in options.items():
        if option.accuracy is not None:
            sentences.append(
                f"Case {case.value}: {describe_accuracy(option)}, {describe_knowledge(option)}."
            )
    if crossover is not None:
        sentences.append(
            f"In our measurements training everything began to win from {crossover:,} images."
        )
    return " ".join(sentences)


def _compute_line_height(threshold: int) -> float:
    """Height of the dividing line, as a fraction of the diagram's height."""
    fraction = log10(threshold / MIN_AXIS_IMAGES) / log10(MAX_AXIS_IMAGES / MIN_AXIS_IMAGES)
    return min(max(fraction, MIN_ROW_HEIGHT), 1 - MIN_ROW_HEIGHT)


def _scale_to_height(images: int, threshold: int) -> float:
    """Height of a number of images, in [0, 1]; logarithmic on either side of the line."""
    split = _compute_line_height(threshold)
    threshold = min(max(threshold, MIN_AXIS_IMAGES + 1), MAX_AXIS_IMAGES - 1)
    images = min(max(images, MIN_AXIS_IMAGES), MAX_AXIS_IMAGES)
    if images < threshold:
        return split * log10(images / MIN_AXIS_IMAGES) / log10(threshold / MIN_AXIS_IMAGES)
    return split + (1 - split) * log10(images / threshold) / log10(MAX_AXIS_IMAGES / threshold)


def _compute_cell_edges(case: TransferCase, line_height: float) -> tuple[float, float, float]:
    """Left, lower and upper edge of a case's cell, each half as wide as the diagram."""
    left = 0.5 if case.similarity == "similar" else 0.0
    return (left, 0.0, line_height) if case.size == "small" else (left, line_height, 1.0)


def _add_cell(figure: go.Figure, case: TransferCase, line_height: float, marks: CaseMarks) -> None:
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
        hovertemplate=f"{case.title}: choose it<extra></extra>",
    )
    if case == marks.textbook:
        _add_outline(figure, left, low, high, 0.006, {"color": BLUE, "width": 4})
    if case == marks.recommended:
        line = {"color": GREEN, "width": 4, "dash": "dash"}
        _add_outline(figure, left, low, high, 0.018, line)


def _add_outline(figure, left: float, low: float, high: float, inset: float, line: dict) -> None:
    corners = {"x0": left + inset, "x1": left + 0.5 - inset, "y0": low + inset, "y1": high - inset}
    figure.add_shape(type="rect", line=line, **corners)


def _add_cell_label(
    figure: go.Figure,
    case: TransferCase,
    line_height: float,
    marks: CaseMarks,
    option: "Option | None",
    point_height: float | None,
) -> None:
    """Write the case, its surgery and its numbers into the cell, clear of the data set's point."""
    left, low, high = _compute_cell_edges(case, line_height)
    title = [f"<b>Case {case.value}</b>: {case.size}, {case.similarity}", CASE_SUMMARIES[case]]
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


def _add_crossover(figure: go.Figure, height: float) -> None:
    figure.add_scatter(
        x=[0.012],
        y=[height],
        mode="markers",
        name=CROSSOVER_NAME,
        marker={"symbol": "triangle-right", "size": 16, "color": PURPLE},
        hovertemplate=f"{CROSSOVER_NAME}<extra></extra>",
        showlegend=True,
    )


def _add_point(figure: go.Figure, size: SizeJudgement, estimate: "SimilarityEstimate") -> None:
    figure.add_scatter(
        x=[estimate.probability],
        y=[_scale_to_height(size.images, size.line)],
        mode="markers",
        name="your images, with 80% interval",
        marker={
            "symbol": "diamond",
            "size": 16,
            "color": ORANGE,
            "line": {"width": 2, "color": "white"},
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "thickness": 3,
            "width": 8,
            "color": ORANGE,
            "array": [estimate.high - estimate.probability],
            "arrayminus": [estimate.probability - estimate.low],
        },
        hovertemplate=f"{size.images:,} images to learn from, %{{x:.0%}}<extra>your images</extra>",
        showlegend=True,
    )
