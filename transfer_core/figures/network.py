"""The network as drawn: a block per layer, what surgery did to it, how far it moved."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import STATES, styled
from transfer_core.training.events import LayerChange

if TYPE_CHECKING:
    from transfer_core.surgery import LayerPart


def network_drawing(
    parts: Sequence["LayerPart"], changes: Sequence[LayerChange] | None = None
) -> go.Figure:
    """A row per layer, input at the top: name, shape, weights, state, measured change.

    Args:
        parts: From `surgery.describe`, input to output.
        changes: Measured by a run; None where nothing was trained yet.
    """
    moved = {change.stage: change for change in changes or ()}
    rows, longest = list(range(len(parts))), max(_breadth(part) for part in parts)
    figure = go.Figure()
    for state, (colour, hatching) in STATES.items():
        chosen = [row for row, part in zip(rows, parts, strict=True) if part.state == state]
        if not chosen:
            continue
        figure.add_bar(
            y=chosen, x=[_breadth(parts[row]) for row in chosen], orientation="h", name=state,
            marker={
                "color": colour,
                "pattern": {
                    "shape": hatching, "fillmode": "overlay", "fgcolor": "white", "size": 8,
                },
                "line": {"color": colour, "width": 2},
                "opacity": 0.35 if state == "cut away" else 1,
            },
            customdata=[parts[row].note for row in chosen],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
    for row, part in zip(rows, parts, strict=True):
        figure.add_annotation(
            x=_breadth(part) + 0.15, y=row, text=_label(part, moved.get(part.stage)),
            showarrow=False, xanchor="left", align="left",
        )  # fmt: skip
    figure.update_layout(barmode="overlay", bargap=0.25)
    figure.update_xaxes(visible=False, range=[0, longest * 3.4], fixedrange=True)
    figure.update_yaxes(
        tickvals=rows, ticktext=[part.title for part in parts], autorange="reversed",
        showgrid=False, zeroline=False, fixedrange=True, automargin=True,
    )  # fmt: skip
    title = "The network, input at the top" + (", with measured changes" if changes else "")
    return styled(figure, title, height=130 + 52 * len(parts))


def describe_network(
    parts: Sequence["LayerPart"], changes: Sequence[LayerChange] | None = None
) -> str:
    """The drawing in words."""
    moved = {change.stage: change for change in changes or ()}
    told = []
    for part in parts:
        change = moved.get(part.stage)
        after = f", {change_in_words(change)}" if change else ""
        told.append(f"{part.title} ({_shape(part)}, {part.weights:,} weights): {part.state}{after}")
    return "; ".join(told) + "."


def change_in_words(change: LayerChange) -> str:
    """How far a stage has moved."""
    if change.relative_change == 0:
        weights = "weights bit-identical"
    else:
        weights = f"weights changed by {change.relative_change:.2%}"
    return weights + (", statistics moved" if change.statistics_moved else "")


def _breadth(part: "LayerPart") -> float:
    """Length of a block: wider for layers with more channels or features."""
    return 3.0 + min(part.shape[0], 512) / 128


def _label(part: "LayerPart", change: LayerChange | None) -> str:
    first = f"<b>{part.state}</b>  {_shape(part)}"
    second = change_in_words(change) if change else f"{part.weights:,} weights"
    return f"{first}<br>{second}"


def _shape(part: "LayerPart") -> str:
    return " x ".join(str(size) for size in part.shape)
