"""The confusion matrix of a run's test images."""

from collections.abc import Sequence

import plotly.graph_objects as go

from transfer_core.figures.theme import (
    COLOURSCALE_ON_LIGHT,
    ORANGE,
    TRANSPARENT,
    apply_layout,
    escape_label,
)
from transfer_core.languages import _, ngettext

MAX_CLASSES_WITH_COUNTS = 15  # more cells have no room for their counts,
MAX_CLASSES_WITH_FRACTIONS = 6  # or for percentages beside them,
MAX_CLASSES_WITH_NAMES = 12  # and columns none for their names
MAX_CLICKABLE_CLASSES = 40  # more clickable cells would make the page slow


def plot_confusion_matrix(
    confusion: Sequence[Sequence[int]],
    classes: Sequence[str],
    chosen: tuple[int, int] | None = None,
) -> go.Figure:
    """A cell for each pair of classes, shaded by its fraction of the actual class.

    The customdata of a clickable cell is [actual, predicted], as class indices.

    Args:
        confusion: Counts of test images, C rows of the actual and C columns of the predicted class.
        classes: The C class names.
        chosen: Actual and predicted class of the cell to outline.
    """
    shares = [[n / sum(row) if n else None for n in row] for row in confusion]
    positions, names = list(range(len(classes))), [escape_label(name, 16) for name in classes]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=positions,
            y=positions,
            zmin=0,
            zmax=1,
            colorscale=COLOURSCALE_ON_LIGHT,
            text=_format_cells(confusion),
            texttemplate="%{text}" if len(classes) <= MAX_CLASSES_WITH_COUNTS else None,
            customdata=_format_hover_texts(confusion, [escape_label(name) for name in classes]),
            hovertemplate="%{customdata}<extra></extra>",
            xgap=1,
            ygap=1,
            colorbar={"thickness": 10, "xpad": 4, "tickvals": [0, 0.5, 1], "tickformat": ".0%"},
        )
    )
    if len(classes) <= MAX_CLICKABLE_CLASSES:
        _add_clickable_cells(figure, confusion)
    if chosen:
        _outline_cell(figure, *chosen)
    _label_axes(figure, names)
    row = 44 if len(classes) <= MAX_CLASSES_WITH_FRACTIONS else 34
    row_height = max(15, min(row, 420 / len(classes)))  # pixels
    height = round(min(1200, 250 + row_height * len(classes)))
    return apply_layout(figure, _("Confusion matrix of the test images"), height=height)


def _outline_cell(figure: go.Figure, actual: int, predicted: int) -> None:
    figure.add_shape(
        type="rect",
        x0=predicted - 0.5,
        x1=predicted + 0.5,
        y0=actual - 0.5,
        y1=actual + 0.5,
        line={"color": ORANGE, "width": 3},
    )


def _label_axes(figure: go.Figure, names: list[str]) -> None:
    """Name rows and columns; if names do not fit under the columns, number both."""
    positions, few = list(range(len(names))), len(names) <= MAX_CLASSES_WITH_NAMES
    if not few:
        names = [f"{name} {number}" for number, name in enumerate(names, 1)]
    axis = {"tickvals": positions, "showgrid": False, "zeroline": False}
    step = 1 if len(names) <= MAX_CLASSES_WITH_COUNTS else 5
    figure.update_xaxes(
        axis,
        title=_("predicted class<br>(colour: share of the actual class)")
        if few
        else _("predicted class, number<br>(colour: share of the actual class)"),
        tickvals=positions if few else positions[step - 1 :: step],
        ticktext=names if few else [f"{n + 1}" for n in positions[step - 1 :: step]],
        tickangle=-45 if few else 0,
    )
    figure.update_yaxes(
        axis,
        title=_("actual class"),
        ticktext=names,
        range=[len(names) - 0.5, -0.5],
        tickfont={"size": 11},
    )


def _format_cells(confusion: Sequence[Sequence[int]]) -> list[list[str]]:
    """Counts, and percentages of the actual class if there is room for them."""
    if len(confusion) > MAX_CLASSES_WITH_FRACTIONS:
        return [[str(n) if n else "" for n in row] for row in confusion]
    return [
        [f"{n}<br>" + _("{share:.0%}", share=n / sum(row)) if n else "" for n in row]
        for row in confusion
    ]


def _add_clickable_cells(figure: go.Figure, confusion: Sequence[Sequence[int]]) -> None:
    """Lay an invisible bar over each cell: Plotly reports clicks on bars, not on heatmaps."""
    cells = [(a, p) for a, row in enumerate(confusion) for p, n in enumerate(row) if n]
    invisible = {"marker": {"opacity": 0}}
    figure.add_bar(
        x=[p for _, p in cells],
        y=[1] * len(cells),
        base=[a - 0.5 for a, _ in cells],
        width=1,
        customdata=cells,
        hoverinfo="none",
        marker={"color": TRANSPARENT, "line": {"width": 0}},
        selected=invisible,
        unselected=invisible,
        showlegend=False,
    )


def _format_hover_texts(
    confusion: Sequence[Sequence[int]], names: Sequence[str]
) -> list[list[str]]:
    """The text of each cell for the pointer."""
    return [
        [
            _(
                "{actual} taken for {predicted}: {n:,} of {images:,} images, {share:.0%}",
                actual=actual,
                predicted=predicted,
                n=n,
                images=sum(row),
                share=n / max(sum(row), 1),
            )
            for predicted, n in zip(names, row, strict=True)
        ]
        for actual, row in zip(names, confusion, strict=True)
    ]


def describe_confusion_matrix(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """The figure in words: the three commonest confusions."""
    pairs = sorted(
        (
            (n, classes[a], classes[p])
            for a, row in enumerate(confusion)
            for p, n in enumerate(row)
            if a != p and n
        ),
        key=lambda pair: -pair[0],
    )[:3]
    if not pairs:
        return _("No test image was taken for another class.")
    commonest = "; ".join(
        ngettext(
            "{actual} taken for {predicted} ({n:,} image)",
            "{actual} taken for {predicted} ({n:,} images)",
            n,
            actual=actual,
            predicted=predicted,
        )
        for n, actual, predicted in pairs
    )
    return _("The commonest confusions: {pairs}.", pairs=commonest)
