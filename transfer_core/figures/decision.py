"""The decision diagram: size against similarity, four cells, the data set as a point."""

from dataclasses import dataclass
from math import log10

import plotly.graph_objects as go

from transfer_core.cases import LARGE_MARK, SMALL_MARK, SizeJudgement, TransferCase
from transfer_core.figures.theme import BLUE, FAINT, GREY, ORANGE, styled

LOWEST, HIGHEST = 10, 3_000_000  # images, ends of the size axis
WHAT = {  # short enough for a phone
    TransferCase.SMALL_SIMILAR: (
        "keep: all but the last", "cut: the last layer", "new: one layer", "frozen: all kept",
        "train: the new layer",
    ),
    TransferCase.SMALL_DIFFERENT: (
        "keep: the first layers", "cut: all later ones", "new: one layer", "frozen: all kept",
        "train: the new layer",
    ),
    TransferCase.LARGE_SIMILAR: (
        "keep: all but the last", "cut: the last layer", "new: one layer", "frozen: nothing",
        "train: everything",
    ),
    TransferCase.LARGE_DIFFERENT: (
        "start: random, or as 3", "cut: the last layer", "new: one layer", "frozen: nothing",
        "train: everything",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Position:
    """Where a data set lies along the similarity axis."""

    probability: float  # that higher-level features carry over, in [0, 1]
    low: float  # of its interval
    high: float


def decision_diagram(
    size: SizeJudgement,
    position: Position | None,
    advised: TransferCase | None,
    chosen: TransferCase | None,
) -> go.Figure:
    """Two axes and four cells; small data sets at the bottom, similar ones at the right.

    Args:
        size: The answer to the size question, with the dividing line.
        position: Of the data set's point; None draws no point.
        advised: The cell outlined as advice.
        chosen: The cell filled as choice.

    Returns:
        A figure in which each cell has one selectable point whose customdata is
        the case's number.
    """
    figure = go.Figure()
    line = min(max(log10(size.line), log10(LOWEST) + 0.5), log10(HIGHEST) - 0.5)
    for case in TransferCase:
        _add_cell(figure, case, line, case == advised, case == chosen)
    if position:
        _add_point(figure, size, position)
    ticks = [10, 100, SMALL_MARK, 20_000, LARGE_MARK]
    figure.update_xaxes(
        title="probability that higher-level features carry over", range=[0, 1], tickformat=".0%",
        tickvals=[0, 0.2, 0.5, 0.8, 1], showgrid=False, zeroline=False, fixedrange=True,
    )  # fmt: skip
    figure.update_yaxes(
        title="images", range=[log10(LOWEST), log10(HIGHEST)], fixedrange=True, zeroline=False,
        tickvals=[log10(t) for t in ticks], ticktext=[f"{t:,}" for t in ticks], showgrid=False,
    )  # fmt: skip
    for mark, word in ((SMALL_MARK, "small"), (LARGE_MARK, "large")):
        figure.add_hline(y=log10(mark), line={"dash": "dot", "width": 1, "color": GREY})
        figure.add_annotation(
            x=0.005, y=log10(mark), text=f"{word}, as courses say", xanchor="left", showarrow=False,
            yshift=7, font={"size": 10, "color": GREY},
        )  # fmt: skip
    return styled(figure, "Which case is it?", height=600)


def describe_decision(
    size: SizeJudgement,
    position: Position | None,
    advised: TransferCase | None,
    chosen: TransferCase | None,
) -> str:
    """The diagram in words."""
    place = f", similar with probability {position.probability:.0%}" if position else ""
    told = [f"{size.images:,} images, {size.answer} (the line is at {size.line:,}){place}."]
    if advised:
        told.append(f"Advised is {advised.title}.")
    if chosen:
        told.append(f"Chosen is {chosen.title}.")
    return " ".join(told)


def _add_cell(figure: go.Figure, case: TransferCase, line: float, advised: bool, chosen: bool):
    left, right = (0.5, 1.0) if case.similarity == "similar" else (0.0, 0.5)
    ends = (log10(LOWEST), line) if case.size == "small" else (line, log10(HIGHEST))
    figure.add_shape(
        type="rect", x0=left + 0.004, x1=right - 0.004, y0=ends[0] + 0.03, y1=ends[1] - 0.03,
        fillcolor="rgba(209, 114, 10, 0.16)" if chosen else "rgba(0, 0, 0, 0)",
        line={
            "color": BLUE if advised else ORANGE if chosen else FAINT,
            "width": 3 if advised or chosen else 1,
            "dash": "solid" if chosen or not advised else "dash",
        },
        layer="below",
    )  # fmt: skip
    marks = [word for word, on in (("advised", advised), ("chosen", chosen)) if on]
    title = f"<b>Case {case.value}</b>: {case.size}, {case.similarity}"
    lines = [title, *([f"<b>({', '.join(marks)})</b>"] if marks else []), *WHAT[case]]
    figure.add_scatter(
        x=[(left + right) / 2], y=[sum(ends) / 2], mode="markers", customdata=[case.value],
        marker={"size": 90, "opacity": 0.01, "symbol": "square", "color": GREY},
        selected={"marker": {"opacity": 0.01}}, unselected={"marker": {"opacity": 0.01}},
        hovertemplate=f"{case.title}: choose it<extra></extra>", showlegend=False,
    )  # fmt: skip
    # Away from the dividing line, which is where a data set's point mostly lies.
    outer = (ends[0], "bottom") if case.size == "small" else (sum(ends) / 2, "middle")
    figure.add_annotation(
        x=(left + right) / 2, y=outer[0], yanchor=outer[1], showarrow=False,
        text="<br>".join(lines), font={"size": 12},
        yshift=8 if case.size == "small" else 14,
    )  # fmt: skip


def _add_point(figure: go.Figure, size: SizeJudgement, position: Position) -> None:
    figure.add_scatter(
        x=[position.probability], y=[log10(min(max(size.images, LOWEST), HIGHEST))],
        mode="markers", name="your data set, with its uncertainty",
        marker={
            "symbol": "diamond", "size": 16, "color": ORANGE,
            "line": {"width": 2, "color": "white"},
        },
        error_x={
            "type": "data", "symmetric": False, "thickness": 3, "width": 8, "color": ORANGE,
            "array": [position.high - position.probability],
            "arrayminus": [position.probability - position.low],
        },
        hovertemplate=f"your data set: {size.images:,} images, %{{x:.0%}}<extra></extra>",
        showlegend=True,
    )  # fmt: skip
