"""The decision diagram: size against similarity, four cells, and the data set as a point."""

from math import log10
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.cases import (
    TEXTBOOK_LARGE_IMAGES,
    TEXTBOOK_SMALL_IMAGES,
    Similarity,
    SizeJudgement,
    TransferCase,
)
from transfer_core.figures.theme import BLUE, GREY, ORANGE, TRANSPARENT, apply_layout

if TYPE_CHECKING:
    from transfer_core.transferability import SimilarityEstimate

MIN_AXIS_IMAGES, MAX_AXIS_IMAGES = 10, 3_000_000  # ends of the size axis
MIN_ROW_HEIGHT = 0.42  # of the diagram's height; a row of cells needs it for its text
SIZE_TICKS = {
    10: "10",
    100: "100",
    TEXTBOOK_SMALL_IMAGES: "2,000<br>small in<br>textbooks",
    20_000: "20,000",
    TEXTBOOK_LARGE_IMAGES: "1,000,000<br>large in<br>textbooks",
}
CASE_SUMMARIES = {  # short enough for a phone
    TransferCase.SMALL_SIMILAR: (
        "keep: all but last",
        "cut: last layer",
        "new: one layer",
        "frozen: all kept",
    ),
    TransferCase.SMALL_DIFFERENT: (
        "keep: first layers",
        "cut: later layers",
        "new: one layer",
        "frozen: all kept",
    ),
    TransferCase.LARGE_SIMILAR: (
        "keep: all but last",
        "cut: last layer",
        "new: one layer",
        "frozen: nothing",
    ),
    TransferCase.LARGE_DIFFERENT: (
        "start: random",
        "or pre-trained",
        "cut: last layer",
        "new: one layer",
        "frozen: nothing",
    ),
}


def plot_decision_diagram(
    size: SizeJudgement,
    verdict: "SimilarityEstimate | None",
    advised: TransferCase | None,
    chosen: TransferCase | None,
) -> go.Figure:
    """Draw two axes and four cells: small data sets at the bottom, similar ones at the right.

    The size axis is logarithmic on either side of the dividing line. The line's height follows
    its value, as long as both rows of cells have room for their text.

    Args:
        size: The answer to the size question, with the dividing line.
        verdict: Probability and interval of the data set's point; None draws no point.
        advised: The case whose cell is outlined.
        chosen: The case whose cell is filled.

    Returns:
        A figure in which each cell is a selectable bar. Its customdata is the case's number.
    """
    figure, split = go.Figure(), _compute_line_height(size.line)
    for case in TransferCase:
        _add_cell(figure, case, split, case == advised, case == chosen)
        point = (
            _scale_to_height(size.images, size.line)
            if verdict and case.size == size.answer
            else None
        )
        _add_cell_label(figure, case, split, case == advised, case == chosen, point)
    figure.add_hline(y=split, line={"width": 2, "color": GREY, "dash": "dash"})
    label = f"line: {size.line:,}"
    figure.add_annotation(
        x=0, y=split, text=label, xanchor="left", yanchor="bottom", showarrow=False, xshift=4
    )
    if verdict:
        _add_point(figure, size, verdict)
    _set_axes(figure, size.line)
    figure.update_layout(barmode="overlay", hovermode="closest", legend={"itemclick": False})
    return apply_layout(figure, "Which case is it?", height=660)


def _set_axes(figure: go.Figure, line: int) -> None:
    figure.update_xaxes(
        title="probability of similar",
        range=[-0.005, 1.005],
        tickvals=[0, 0.2, 0.5, 0.8, 1],
        ticktext=["0 %", "20 %", "50 %", "80 %", "100 %"],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        ticklabeloverflow="allow",
    )
    figure.update_yaxes(
        title="images to learn from",
        range=[-0.005, 1.005],
        fixedrange=True,
        zeroline=False,
        showgrid=False,
        tickvals=[_scale_to_height(mark, line) for mark in SIZE_TICKS],
        ticktext=list(SIZE_TICKS.values()),
        ticks="outside",
    )


def describe_decision(
    size: SizeJudgement,
    verdict: "SimilarityEstimate | None",
    advised: TransferCase | None,
    chosen: TransferCase | None,
    own_answer: Similarity | None = None,
) -> str:
    """The diagram in words; the person's own answer stands beside the estimate."""
    sentences = [
        f"{size.images:,} images to learn from, {size.answer} (the line is at {size.line:,})."
    ]
    if verdict:
        sentences.append(f"Similar with probability {verdict.probability:.0%}, says the network.")
    if own_answer:
        sentences.append(f"You say: {own_answer}; the advice follows you.")
    if advised:
        sentences.append(f"Advised is {advised.title}.")
    if chosen:
        sentences.append(f"Chosen is {chosen.title}.")
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


def _add_cell(
    figure: go.Figure, case: TransferCase, line_height: float, advised: bool, chosen: bool
):
    left, low, high = _compute_cell_edges(case, line_height)
    steady = {"marker": {"opacity": 1}}  # a click must not fade the other cells
    figure.add_bar(
        x=[left + 0.25],
        width=0.492,
        base=[low + 0.006],
        y=[high - low - 0.012],
        customdata=[case.value],
        selected=steady,
        unselected=steady,
        showlegend=False,
        marker={
            "color": "rgba(209, 114, 10, 0.18)" if chosen else TRANSPARENT,
            "line": {"color": ORANGE if chosen else GREY, "width": 1},
        },
        hovertemplate=f"{case.title}: choose it<extra></extra>",
    )
    if advised:
        figure.add_shape(
            type="rect",
            x0=left + 0.004,
            x1=left + 0.496,
            y0=low + 0.006,
            y1=high - 0.006,
            line={"color": BLUE, "width": 4},
        )


def _add_cell_label(
    figure, case, line_height: float, advised: bool, chosen: bool, point_height: float | None
):
    """Write the case and its surgery into the cell, clear of the data set's point."""
    left, low, high = _compute_cell_edges(case, line_height)
    marks = [word for word, on in (("advised", advised), ("chosen", chosen)) if on]
    title = [f"<b>Case {case.value}</b>", *([f"<b>{', '.join(marks)}</b>"] if marks else [])]
    title, details = [*title, f"{case.size}, {case.similarity}"], CASE_SUMMARIES[case]
    height = None if point_height is None else (point_height - low) / (high - low)  # in the cell
    if height is None or height < 0.38:
        blocks = [("top", [*title, *details])]
    elif height > 0.66:
        blocks = [("bottom", [*title, *details])]
    else:
        blocks = [("top", title), ("bottom", details)]
    for edge, lines in blocks:
        figure.add_annotation(
            x=left + 0.25,
            y=high if edge == "top" else low,
            yanchor=edge,
            yshift=-8 if edge == "top" else 8,
            text="<br>".join(lines),
            font={"size": 12},
            showarrow=False,
        )


def _add_point(figure: go.Figure, size: SizeJudgement, verdict: "SimilarityEstimate") -> None:
    figure.add_scatter(
        x=[verdict.probability],
        y=[_scale_to_height(size.images, size.line)],
        mode="markers",
        name="your data set, with its uncertainty",
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
            "array": [verdict.high - verdict.probability],
            "arrayminus": [verdict.probability - verdict.low],
        },
        hovertemplate=f"{size.images:,} images to learn from, %{{x:.0%}}"
        "<extra>your data set</extra>",
        showlegend=True,
    )
