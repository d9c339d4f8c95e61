"""The network as drawn: a block per layer, what surgery did to it, how far it moved."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import CLEAR, STATES, styled
from transfer_core.training.events import LayerChange

if TYPE_CHECKING:
    from transfer_core.networks.surgery import LayerPart


def network_drawing(
    parts: Sequence["LayerPart"], changes: Sequence[LayerChange] | None = None
) -> go.Figure:
    """A row per layer, input at the top: name, shape, weights, state, measured change.

    Args:
        parts: From `surgery.describe`, input to output.
        changes: Measured by a run; None where nothing was trained yet.
    """
    moved = {change.stage: change for change in changes or ()}
    figure = go.Figure()
    for state in STATES:
        rows = [row for row, part in enumerate(parts) if part.state == state]
        if rows:
            _add_blocks(figure, state, rows, [parts[row] for row in rows])
    for row, part in enumerate(parts):
        figure.add_annotation(
            x=_breadth(part) + 0.15, y=row, text=_label(part, moved.get(part.stage)),
            showarrow=False, xanchor="left", align="left",
        )  # fmt: skip
    longest = max(_breadth(part) for part in parts)
    figure.update_layout(barmode="overlay", bargap=0.25, legend={"itemclick": False})
    figure.update_xaxes(visible=False, range=[0, longest * 3.4], fixedrange=True)
    figure.update_yaxes(
        tickvals=list(range(len(parts))), ticktext=[part.title for part in parts],
        autorange="reversed", showgrid=False, zeroline=False, fixedrange=True, automargin=True,
    )  # fmt: skip
    title = "The network, with measured changes" if changes else "The network, input at the top"
    return styled(figure, title, height=110 + (66 if changes else 52) * len(parts))


def describe_network(
    parts: Sequence["LayerPart"], changes: Sequence[LayerChange] | None = None
) -> str:
    """The drawing in words."""
    moved = {change.stage: change for change in changes or ()}
    told = []
    for part in parts:
        change = moved.get(part.stage)
        after = f", {', '.join(_measured(part, change))}" if change else ""
        told.append(
            f"{part.title} ({_shape(part)}, {part.weights:,} weights): {_fate(part)}{after}"
        )
    return "; ".join(told) + "."


def change_in_words(change: LayerChange) -> str:
    """How far a stage has moved."""
    if change.relative_change == 0:
        weights = "weights unchanged to the bit"
    else:
        share = max(change.relative_change, 0.001)
        least = "less than " if change.relative_change < share else ""
        weights = f"weights moved by {least}{share:.1%} of their size"
    return weights + (", normalisation moved" if change.statistics_moved else "")


def _add_blocks(figure, state: str, rows: list[int], parts: list["LayerPart"]) -> None:
    """All blocks of one state; one cut away is an outline, the others are filled."""
    colour, hatching = STATES[state]
    cut = state == "cut away"
    figure.add_bar(
        y=rows, x=[_breadth(part) for part in parts], orientation="h", name=state,
        marker={
            "color": CLEAR if cut else colour, "line": {"color": colour, "width": 2},
            "pattern": {
                "shape": hatching, "fillmode": "overlay", "size": 8, "solidity": 0.2,
                "fgcolor": colour if cut else "white",
            },
        },
        customdata=[part.note for part in parts],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _breadth(part: "LayerPart") -> float:
    """Length of a block: wider for layers with more channels or features."""
    return 3.0 + min(part.shape[0], 512) / 128


def _label(part: "LayerPart", change: LayerChange | None) -> str:
    lines = [f"<b>{_fate(part)}</b>  {_shape(part)}", f"{part.weights:,} weights"]
    return "<br>".join(lines + (_measured(part, change) if change else []))


def _measured(part: "LayerPart", change: LayerChange) -> list[str]:
    """The change in words, and that statistics stayed where the layer has any."""
    told = change_in_words(change).split(", ")
    return told + (["normalisation unchanged"] if part.statistics and len(told) == 1 else [])


def _fate(part: "LayerPart") -> str:
    """The state, with what happens to it where that does not go without saying."""
    return f"{part.state}, then trained" if part.state in {"kept", "randomised"} else part.state


def _shape(part: "LayerPart") -> str:
    return " x ".join(str(size) for size in part.shape)
