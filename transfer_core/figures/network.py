"""A drawing of a network: a block for each stage, its state after surgery, its change."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import LAYER_STATE_STYLES, TRANSPARENT, apply_layout
from transfer_core.languages import N_, _, ngettext
from transfer_core.training import StageChange

if TYPE_CHECKING:
    from transfer_core.networks import StageSummary

MIN_SHOWN_CHANGE = 0.001  # of the size of the weights; less is told to be less
STATE_NAMES = {
    "kept": N_("kept"),
    "frozen": N_("frozen"),
    "randomised": N_("randomised"),
    "new": N_("new"),
    "cut away": N_("cut away"),
}


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
        ticktext=[_(part.title) for part in stages],
        autorange="reversed",
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        automargin=True,
    )
    title = _("The network, input at the top")
    if changes:
        title = _("The network, with measured changes")
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
        size = f"{_format_shape(part)}, {format_weights(part.weights)}"
        descriptions.append(f"{_(part.title)} ({size}): {_describe_state(part)}{after}")
    return "; ".join(descriptions) + "."


def describe_change(change: StageChange) -> str:
    """The change of a stage's weights in words."""
    return ", ".join(_list_moves(change))


def _list_moves(change: StageChange) -> list[str]:
    if change.relative_change == 0:
        weights = _("weights unchanged to the bit")
    elif change.relative_change < MIN_SHOWN_CHANGE:
        least = MIN_SHOWN_CHANGE
        weights = _("weights moved by less than {share:.1%} of their size", share=least)
    else:
        share = change.relative_change
        weights = _("weights moved by {share:.1%} of their size", share=share)
    return [weights, *([_("normalisation moved")] if change.statistics_moved else [])]


def format_weights(count: int) -> str:
    """A number of weights for people: "6,405 weights"."""
    return ngettext("{n:,} weight", "{n:,} weights", count)


def _add_blocks(figure, state: str, rows: list[int], parts: list["StageSummary"]) -> None:
    """All blocks of one state: outlines for those cut away, filled for the others."""
    colour, hatching = LAYER_STATE_STYLES[state]
    cut = state == "cut away"
    figure.add_bar(
        y=rows,
        x=[_compute_block_length(part) for part in parts],
        orientation="h",
        name=_(STATE_NAMES[state]),
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
        customdata=[_(part.note) for part in parts],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _compute_block_length(part: "StageSummary") -> float:
    """Length of a block; it grows with the number of channels or features."""
    return 3.0 + min(part.shape[0], 512) / 128


def _format_label(part: "StageSummary", change: StageChange | None) -> str:
    lines = [f"<b>{_describe_state(part)}</b>  {_format_shape(part)}", format_weights(part.weights)]
    return "<br>".join(lines + (_list_changes(part, change) if change else []))


def _list_changes(part: "StageSummary", change: StageChange) -> list[str]:
    """The change in words; for stages with batch norm, of its statistics too."""
    words = _list_moves(change)
    unchanged = part.has_running_stats and len(words) == 1
    return words + ([_("normalisation unchanged")] if unchanged else [])


def _describe_state(part: "StageSummary") -> str:
    """The state in words."""
    if part.state == "kept":
        return _("kept, then trained")
    if part.state == "randomised":
        return _("randomised, then trained")
    return _(STATE_NAMES[part.state])


def _format_shape(part: "StageSummary") -> str:
    return " x ".join(str(size) for size in part.shape)
