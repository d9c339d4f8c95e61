"""The decision diagram: size against similarity, four cells, and the data set as a point."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.cases import Similarity, SizeJudgement, TransferCase
from transfer_core.figures.decision_cells import CaseMarks, add_cell, add_cell_label
from transfer_core.figures.options import describe_accuracy, describe_knowledge
from transfer_core.figures.size_axis import (
    choose_size_ticks,
    compute_line_height,
    scale_to_height,
)
from transfer_core.figures.theme import GREY, ORANGE, PURPLE, apply_layout
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.transferability import Option, SimilarityEstimate

CROSSOVER_NAME = N_("from about here training everything<br>won on average in our tests")


@dataclass(frozen=True, slots=True)
class Crossover:
    """From how many images training everything won on average over the image sets measured."""

    images_per_class: int
    images: int  # in all classes together
    wins: int  # image sets below the textbook's line on which it won
    sets: int  # of so many

    def describe(self) -> str:
        """The number with its spread, if it was counted, in one sentence."""
        numbers = {"per_class": self.images_per_class, "images": self.images}
        if not self.sets:
            return _(
                "From about {per_class:,} images of each class, {images:,} in all, training "
                "everything won on average in our tests.",
                **numbers,
            )
        return _(
            "From about {per_class:,} images of each class, {images:,} in all, training everything "
            "won on average, though only on {wins} of {sets} image sets.",
            wins=self.wins,
            sets=self.sets,
            **numbers,
        )


def plot_decision_diagram(
    size: SizeJudgement,
    estimate: "SimilarityEstimate | None",
    marks: CaseMarks,
    options: "Mapping[TransferCase, Option]",
    *,
    crossover: Crossover | None = None,
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
    figure, split = go.Figure(), compute_line_height(size.line)
    for case in TransferCase:
        add_cell(figure, case, split, marks)
        is_row_of_point = estimate and case.size == size.answer
        point = scale_to_height(size.images, size.line) if is_row_of_point else None
        add_cell_label(figure, case, split, marks, options.get(case), point)
    figure.add_hline(y=split, line={"width": 3, "color": GREY})
    if crossover is not None:
        _add_crossover(figure, scale_to_height(crossover.images, size.line))
    if estimate:
        _add_point(figure, size, estimate)
    _set_axes(figure, size.line)
    figure.update_layout(barmode="overlay", hovermode="closest", legend={"itemclick": False})
    return apply_layout(figure, _("Which case is it?"), height=580)


def _set_axes(figure: go.Figure, line: int) -> None:
    figure.update_xaxes(
        title=_("how likely your images are similar"),
        range=[-0.005, 1.005],
        tickvals=[0, 0.25, 0.5, 0.75, 1],
        ticktext=["0%", _("different"), "50%", _("similar"), "100%"],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        ticklabeloverflow="allow",
    )
    ticks = choose_size_ticks(line)
    figure.update_yaxes(
        title=_("images to learn from"),
        range=[-0.005, 1.005],
        fixedrange=True,
        zeroline=False,
        showgrid=False,
        tickvals=list(ticks.values()),
        ticktext=list(ticks),
        ticks="outside",
    )


def describe_decision(
    size: SizeJudgement,
    estimate: "SimilarityEstimate | None",
    marks: CaseMarks,
    options: "Mapping[TransferCase, Option]",
    *,
    own_answer: Similarity | None = None,
    crossover: Crossover | None = None,
) -> str:
    """The diagram in words; the person's own answer stands beside the estimate."""
    sentences = [
        _(
            "{images:,} images to learn from, {size} (the line is at {line:,}).",
            images=size.images,
            size=_(size.answer),
            line=size.line,
        )
    ]
    if estimate:
        probability = estimate.probability
        told = _(
            "Similar with probability {probability:.0%}, says the network.", probability=probability
        )
        sentences.append(told)
    if own_answer:
        told = _("You say: {answer}; the textbook's case follows you.", answer=_(own_answer))
        sentences.append(told)
    for sentence, case in (
        (N_("The textbook's case is {case}."), marks.textbook),
        (
            N_("If similarity is the other way, which can't be told, it is {case}."),
            marks.alternative,
        ),
        (N_("Recommended is {case}."), marks.recommended),
        (N_("Chosen is {case}."), marks.chosen),
    ):
        if case:
            sentences.append(_(sentence, case=_(case.title)))
    for case, option in options.items():
        if option.accuracy is not None:
            sentences.append(
                _(
                    "Case {case}: {accuracy}, {knowledge}.",
                    case=case.value,
                    accuracy=describe_accuracy(option),
                    knowledge=describe_knowledge(option),
                )
            )
    if crossover is not None:
        sentences.append(crossover.describe())
    return " ".join(sentences)


def _add_crossover(figure: go.Figure, height: float) -> None:
    figure.add_scatter(
        x=[0.012],
        y=[height],
        mode="markers",
        name=_(CROSSOVER_NAME),
        marker={"symbol": "triangle-right", "size": 16, "color": PURPLE},
        hovertemplate=f"{_(CROSSOVER_NAME)}<extra></extra>",
        showlegend=True,
    )


def _add_point(figure: go.Figure, size: SizeJudgement, estimate: "SimilarityEstimate") -> None:
    figure.add_scatter(
        x=[estimate.probability],
        y=[scale_to_height(size.images, size.line)],
        mode="markers",
        name=_("your images, with 80% interval"),
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
        hovertemplate=_("{images:,} images to learn from", images=size.images)
        + f", %{{x:.0%}}<extra>{_('your images')}</extra>",
        showlegend=True,
    )
