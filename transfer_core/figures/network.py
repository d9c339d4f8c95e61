"""The network as drawn: a block per layer, what surgery did to it, how far it moved."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import LAYER_STATE_STYLES, TRANSPARENT, apply_layout
from transfer_core.training.events import StageChange

if TYPE_CHECKING:
    from transfer_core.networks.surgery import StageSummary


def plot_network(
    stages: Sequence["StageSummary"], changes: Sequence[StageChange] | None = None
) -> go.Figure:
    """A row per layer, input at the top: name, shape, weights, state, measured change.

    Args:
        stages: From `surgery.summarise_network`, input to output.
        changes: Measured by a run; None where nothing was trained yet.
    """
    moved = {change.stage: change for change in changes or ()}
    figure = go.Figure()
    for state in LAYER_STATE_STYLES:
        rows = [row for row, part in enumerate(stages) if part.state == state]
        if rows:
            _add_blocks(figure, state, rows, [stages[row] for row in rows])
    for row, part in enumerate(stages):
        figure.add_annotation(
            x=_compute_block_length(part) + 0.15,
            y=row,
            text=_format_label(part, moved.get(part.stage)),
            showarrow=False,
            xanchor="left",
            align="left",
        )
    longest = max(_compute_block_length(part) for part in stages)
    figure.update_layout(barmode="overlay", bargap=0.25, legend={"itemclick": False})
    figure.update_xaxes(visible=False, range=[0, longest * 3.4], fixedrange=True)
    figure.update_yaxes(
        tickvals=list(range(len(stages))),
        ticktext=[part.title for part in stages],
        autorange="reversed",
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        automargin=True,
    )
    title = "The network, with measured changes" if changes else "The network, input at the top"
    return apply_layout(figure, title, height=110 + (66 if changes else 52) * len(stages))


def describe_network(
    stages: Sequence["StageSummary"], changes: Sequence[StageChange] | None = None
) -> str:
    """The drawing in words."""
    moved = {change.stage: change for change in changes or ()}
    told = []
    for part in stages:
        change = moved.get(part.stage)
        after = f", {', '.join(_list_changes(part, change))}" if change else ""
        told.append(
            f"{part.title} ({_format_shape(part)}, {part.weights:,} weights): {_describe_state(part)}{after}"
        )
    return "; ".join(told) + "."


def describe_change(change: StageChange) -> str:
    """How far a stage has moved."""
    if change.relative_change == 0:
        weights = "weights unchanged to the bit"
    else:
        share = max(change.relative_change, 0.001)
        least = "less than " if change.relative_change < share else ""
        weights = f"weights moved by {least}{share:.1%} of their size"
    return weights + (", normalisation moved" if change.statistics_moved else "")


def _add_blocks(figure, state: str, rows: list[int], parts: list["StageSummary"]) -> None:
    """All blocks of one state; one cut away is an outline, the others are filled."""
    colour, hatching = LAYER_STATE_STYLES[state]
    cut = state == "cut away"
    figure.add_bar(
        y=rows,
        x=[_compute_block_length(part) for part in parts],
        orientation="h",
        name=state,
        marker={
            "color": TRANSPARENT if cut else colour,
            "line": {"color": colour, "width": 2},
            "pattern": {
                "shape": hatching,
                "fillmode": "overlay",
                "size": 8,
                "solidity": 0.2,
                "fgcolor": colour if cut else "white",
            },
        },
        customdata=[part.note for part in parts],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _compute_block_length(part: "StageSummary") -> float:
    """Length of a block: wider for layers with more channels or features."""
    return 3.0 + min(part.shape[0], 512) / 128


def _format_label(part: "StageSummary", change: StageChange | None) -> str:
    lines = [f"<b>{_describe_state(part)}</b>  {_format_shape(part)}", f"{part.weights:,} weights"]
    return "<br>".join(lines + (_list_changes(part, change) if change else []))


def _list_changes(part: "StageSummary", change: StageChange) -> list[str]:
    """The change in words, and that statistics stayed where the layer has any."""
    told = describe_change(change).split(", ")
    return told + (["normalisation unchanged"] if part.has_running_stats and len(told) == 1 else [])


def _describe_state(part: "StageSummary") -> str:
    """The state, with what happens to it where that does not go without saying."""
    return f"{part.state}, then trained" if part.state in {"kept", "randomised"} else part.state


def _format_shape(part: "StageSummary") -> str:
    return " x ".join(str(size) for size in part.shape)
