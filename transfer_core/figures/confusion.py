"""The confusion matrix of a tested run."""

from collections.abc import Sequence

import plotly.graph_objects as go

from transfer_core.figures.theme import plain, styled

MOST_NUMBERS = 15  # classes up to which the cells carry their counts
SCALE = [[0, "#e3edf6"], [1, "#1d5a8c"]]  # opaque: its text then contrasts in both themes


def confusion_matrix(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> go.Figure:
    """A cell per pair of classes, shaded by the share of the actual class.

    Args:
        confusion: Test images, C rows of the actual class, C columns of the predicted one.
        classes: The C class names.
    """
    shares = [[n / sum(row) if n else None for n in row] for row in confusion]
    names, positions = [plain(name, 18) for name in classes], list(range(len(classes)))
    details = [
        [
            f"{a} taken for {p}: {n} images, {s or 0:.0%}"
            for p, n, s in zip(names, row, share, strict=True)
        ]
        for a, row, share in zip(names, confusion, shares, strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=positions, y=positions, zmin=0, zmax=1, colorscale=SCALE,
            text=[[str(n) if n else "" for n in row] for row in confusion],
            texttemplate="%{text}" if len(classes) <= MOST_NUMBERS else None,
            customdata=details, hovertemplate="%{customdata}<extra></extra>", xgap=1, ygap=1,
            colorbar={"title": "share of<br>actual class", "tickformat": ".0%"},
        )
    )  # fmt: skip
    figure.update_xaxes(
        title="predicted class", tickvals=positions, ticktext=names, showgrid=False, tickangle=-40
    )
    figure.update_yaxes(
        title="actual class", tickvals=positions, ticktext=names, showgrid=False,
        autorange="reversed",
    )  # fmt: skip
    height = max(380, min(900, 180 + 24 * len(classes)))
    return styled(figure, "Confusion matrix of the test images", height=height)


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
    told = "; ".join(f"{actual} for {predicted} ({n} images)" for n, actual, predicted in pairs)
    return f"The commonest confusions: {told}."
