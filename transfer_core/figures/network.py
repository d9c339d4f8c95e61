"""A drawing of a network: a block for each stage, its state after surgery, its change."""

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
    """A row for each stage, input at the top: name, shape, weights, state and measured change.

    Args:
        stages: From `surgery.summarise_network`, input to output.
        changes: Measured by a run; None before a training.
    """
    changes_by_stage = {change.stage: change for change in changes or ()}
    figure = go.Figure()
    for state in LAYER_STATE_STYLES:
        rows = [row for row, part in enumerate(stages) if part.state == state]
        if rows:
            _add_blocks(figure, state, rows, [stages[row] for row in rows])
    for row, part in enumerate(stages):
        figure.add_annotation(
            x=_compute_block_length(part) + 0.15,
            y=row,
            text=_format_label(part, changes_by_stage.get(part.stage)),
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
    changes_by_stage = {change.stage: change for change in changes or ()}
    descriptions = []
    for part in stages:
        change = changes_by_stage.get(part.stage)
        after = f", {', '.join(_list_changes(part, change))}" if change else ""
        size = f"{_format_shape(part)}, {part.weights:,} weights"
        descriptions.append(f"{part.title} ({size}): {_describe_state(part)}{after}")
    return "; ".join(descriptions) + "."


def describe_change(change: StageChange) -> str:
    """The change of a stage's weights in words."""
    if change.relative_change == 0:
        weights = "weights unchanged to the bit"
    else:
        shown = max(change.relative_change, 0.001)
        bound = "less than " if change.relative_change < shown else ""
        weights = f"weights moved by {bound}{shown:.1%} of their size"
    return weights + (", normalisation moved" if change.statistics_moved else "")


def _add_blocks(figure, state: str, rows: list[int], parts: list["StageSummary"]) -> None:
    """All blocks of one state: outlines for those cut away, filled for the others."""
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
    """Length of a block; it grows with the number of channels or features."""
    return 3.0 + min(part.shape[0], 512) / 128


def _format_label(part: "StageSummary", change: StageChange | None) -> str:
    lines = [f"<b>{_describe_state(part)}</b>  {_format_shape(part)}", f"{part.weights:,} weights"]
    return "<br>".join(lines + (_list_changes(part, change) if change else []))


def _list_changes(part: "StageSummary", change: StageChange) -> list[str]:
    """The change in words; for stages with batch norm, of its statistics too."""
    words = describe_change(change).split(", ")
    unchanged = part.has_running_stats and len(words) == 1
    return words + (["normalisation unchanged"] if unchanged else [])


def _describe_state(part: "StageSummary") -> str:
    """The state in words."""
    return f"{part.state}, then trained" if part.state in {"kept", "randomised"} else part.state


def _format_shape(part: "StageSummary") -> str:
    return " x ".join(str(size) for size in part.shape)
