"""The confusion matrix of a tested run."""

from collections.abc import Sequence

import plotly.graph_objects as go

from transfer_core.figures.theme import SHARES_ON_LIGHT, plain, styled

MOST_NUMBERS = 15  # classes up to which the cells carry their counts
MOST_NAMES = 12  # classes up to which the columns carry their names


def confusion_matrix(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> go.Figure:
    """A cell per pair of classes, shaded by the share of the actual class.

    Args:
        confusion: Test images, C rows of the actual class, C columns of the predicted one.
        classes: The C class names.
    """
    shares = [[n / sum(row) if n else None for n in row] for row in confusion]
    positions, names = list(range(len(classes))), [plain(name, 16) for name in classes]
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=positions, y=positions, zmin=0, zmax=1, colorscale=SHARES_ON_LIGHT,
            text=[[str(n) if n else "" for n in row] for row in confusion],
            texttemplate="%{text}" if len(classes) <= MOST_NUMBERS else None,
            customdata=_details(confusion, [plain(name) for name in classes]),
            hovertemplate="%{customdata}<extra></extra>", xgap=1, ygap=1,
            colorbar={"thickness": 10, "xpad": 4, "tickvals": [0, 0.5, 1], "tickformat": ".0%"},
        )
    )  # fmt: skip
    axis = {"tickvals": positions, "showgrid": False, "zeroline": False}
    few = len(classes) <= MOST_NAMES
    if not few:  # names would not fit under the columns, their numbers do
        names = [f"{name} {number}" for number, name in enumerate(names, 1)]
    step = 1 if len(classes) <= 2 * MOST_NAMES else 5
    figure.update_xaxes(
        axis,
        title=f"predicted class{'' if few else ', number'}<br>(colour: share of the actual class)",
        tickvals=positions if few else positions[step - 1 :: step],
        ticktext=names if few else [f"{n + 1}" for n in positions[step - 1 :: step]],
        tickangle=-45 if few else 0,
    )  # fmt: skip
    size = max(15, min(34, 420 / len(classes)))  # pixels of a row
    figure.update_yaxes(
        axis, title="actual class", ticktext=names, autorange="reversed", tickfont={"size": 11}
    )
    height = round(min(1200, 250 + size * len(classes)))
    return styled(figure, "Confusion matrix of the test images", height=height)


def _details(confusion: Sequence[Sequence[int]], names: Sequence[str]) -> list[list[str]]:
    """What each cell says when pointed at."""
    return [
        [
            f"{actual} taken for {predicted}: {n:,} of {sum(row):,} images, "
            f"{n / max(sum(row), 1):.0%}"
            for predicted, n in zip(names, row, strict=True)
        ]
        for actual, row in zip(names, confusion, strict=True)
    ]


def describe_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """The commonest confusions in words."""
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
        return "No test image was taken for another class."
    told = "; ".join(
        f"{actual} taken for {predicted} ({n} images)" for n, actual, predicted in pairs
    )
    return f"The commonest confusions: {told}."
