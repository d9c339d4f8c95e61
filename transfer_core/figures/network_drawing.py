"""The network as a row of slabs, in plain data: what each looks like, its state, its change.

The pages draw it (`pages/shared/network_svg.js`); the text alternative is written here, once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from transfer_core.figures.network import describe_change, format_weights
from transfer_core.languages import N_, _, ngettext
from transfer_core.training import StageChange

if TYPE_CHECKING:  # brings torch
    from transfer_core.networks import SourceNetwork, StageSummary

SlabState = Literal["kept", "frozen", "trained", "random", "new", "cut away"]

MAX_SLABS = 8  # of a drawing; longer networks are folded
MAX_OUTPUTS = 4  # class names beside the new layer; more are counted
FLAT_HEIGHT = 0.3  # height of a layer without maps, of the tallest slab's, if it has one output
STATES: dict[str, SlabState] = {  # by the state of a `StageSummary`
    "kept": "trained",
    "frozen": "frozen",
    "randomised": "random",
    "new": "new",
    "cut away": "cut away",
}
STATE_WORDS: dict[SlabState, str] = {
    "kept": N_("learned before"),
    "frozen": N_("frozen, stays as it is"),
    "trained": N_("learned before, learns on"),
    "random": N_("random at first, learns"),
    "new": N_("new, learns now"),
    "cut away": N_("cut away"),
}
LEGEND_WORDS: dict[SlabState, str] = {
    "kept": N_("Learned before: {weights} weights"),
    "frozen": N_("Frozen: {weights} weights stay as they are"),
    "trained": N_("Learned before: {weights} weights learn on"),
    "random": N_("Random at first: {weights} weights learn"),
    "new": N_("New layer: {weights} weights learn"),
    "cut away": N_("Cut away"),
}
# What a stage responds to, for a drawing, and for one on a phone.
LABELS = {
    N_("edges and colours"): (N_("edges, colours"), N_("edges")),
    N_("shapes and textures"): (N_("shapes, textures"), N_("shapes")),
    N_("higher-level features"): (N_("higher-level features"), N_("features")),
    N_("higher-level features, wherever they are"): (N_("features, anywhere"), N_("anywhere")),
    N_("the same features, wherever they are"): (N_("features, anywhere"), N_("anywhere")),
    N_("combinations of features"): (N_("combinations"), N_("mixes")),
    N_("what tells the source classes apart"): (N_("tells kinds apart"), N_("kinds")),
    N_("the source classes"): (N_("its old classes"), N_("old")),
}


@dataclass(frozen=True, slots=True)
class Slab:
    """One slab of the drawing: a stage of the network, or several folded into one."""

    stages: tuple[str, ...]  # names of the stages, input to output
    title: str  # for people: "Stage 3", "Stage 1 to Stage 3"
    label: str  # what it responds to, for people: "edges, colours"
    short_label: str  # the same where there is little room
    state: SlabState
    width: float  # in (0, 1], of the widest slab's; grows with the channels
    height: float  # in (0, 1], of the tallest slab's; grows with the side of the maps
    depth: float  # in [0, 1]; as the height, since maps are square; 0 without maps
    weights: int  # number of weights and biases
    change: float | None  # glow in [0, 1] by the measured change of weights; None: not measured
    description: str  # for people: everything about the slab


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """What a state of the drawing's slabs means."""

    state: SlabState
    words: str


@dataclass(frozen=True, slots=True)
class NetworkDrawing:
    """A network as slabs in the order in which an image passes through them.

    The new layer follows the last stage that is kept; what is cut away comes last.
    """

    slabs: tuple[Slab, ...]
    outputs: tuple[str, ...]  # names of the new layer's outputs; "and 96 more" for the rest
    reads_all: bool  # whether the new layer reads every kept stage
    legend: tuple[LegendEntry, ...]
    description: str  # text alternative: says what the drawing shows


def build_network_drawing(
    source: SourceNetwork,
    stages: Sequence[StageSummary],
    *,
    classes: Sequence[str] = (),
    changes: Sequence[StageChange] | None = None,
    reads_all: bool = False,
) -> NetworkDrawing:
    """Lay out an adapted network.

    Args:
        source: The network that was adapted.
        stages: From `networks.summarise_network`, input to output, the new layer last.
        classes: Names of the new layer's outputs, if they are known.
        changes: How far each stage has moved, measured by a run; None before a training.
        reads_all: Whether the new layer reads every kept stage ("all stages").
    """
    sees = {stage.name: stage.sees for stage in source.stages}
    moved = {change.stage: change for change in changes or ()}
    ordered = [part for part in stages if part.state != "cut away"]
    ordered += [part for part in stages if part.state == "cut away"]
    slabs = [
        _make_slab(part, STATES[part.state], sees.get(part.stage, ""), moved.get(part.stage))
        for part in ordered
    ]
    outputs = _list_outputs(classes, next(p.shape[0] for p in stages if p.state == "new"))
    return _lay_out(slabs, outputs, reads_all)


def build_source_drawing(source: SourceNetwork, stages: Sequence[StageSummary]) -> NetworkDrawing:
    """Lay out a pre-trained network as it is, before any surgery.

    Args:
        source: The network.
        stages: From `networks.summarise_network` with any strategy; their states are not read.
    """
    sees = {stage.name: stage.sees for stage in source.stages}
    slabs = [
        _make_slab(part, "kept", sees[part.stage], None) for part in stages if part.stage in sees
    ]
    return _lay_out(slabs, (), False)


def format_count(count: int) -> str:
    """Write a number for people: "6,405", "3.4 million"."""
    if count >= 1e6:
        return _("{millions:.1f} million", millions=count / 1e6)
    return _("{count:,}", count=count)


# ------------------------------------------------------------------ One slab for each stage


def _make_slab(part: StageSummary, state: SlabState, sees: str, change: StageChange | None) -> Slab:
    """A slab whose width and height are not yet relative to the others."""
    label, short = LABELS.get(sees, (sees, sees.partition(" ")[0])) if sees else ("", "")
    side = _measure_side(part.shape)
    moved = change and state != "cut away"
    return Slab(
        stages=(part.stage,),
        title=_(part.title),
        label=_("your classes") if state == "new" else _(label),
        short_label=_("yours") if state == "new" else _(short),
        state=state,
        width=math.sqrt(_count_channels(part.shape)) if side else 0.0,
        height=math.log2(1 + side) if side else 0.0,
        depth=float(side),
        weights=part.weights,
        change=min(1.0, math.sqrt(change.relative_change)) if moved else None,
        description=_describe_slab(part, state, sees, change if moved else None),
    )


def _describe_slab(
    part: StageSummary, state: SlabState, sees: str, change: StageChange | None
) -> str:
    what = f" ({_(sees)})" if sees else ""
    outputs = _describe_maps(part.shape)
    if len(part.shape) == 1:
        outputs = ngettext("{n:,} output", "{n:,} outputs", part.shape[0])
    weights = format_weights(part.weights)
    after = f", {describe_change(change)}" if change else ""
    return f"{_(part.title)}{what}: {_(STATE_WORDS[state])}, {outputs}, {weights}{after}"


def _describe_maps(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return _("{count:,} patches of {size:,} features", count=shape[0], size=shape[1])
    size = " x ".join(str(side) for side in shape[1:])
    return _("{count:,} maps of {size}", count=shape[0], size=size)


def _measure_side(shape: tuple[int, ...]) -> float:
    """The side of a stage's maps; of tokens (T, D), as if laid out in a square; 0 without maps."""
    if len(shape) == 2:
        return math.sqrt(shape[0])
    return float(shape[1]) if len(shape) == 3 else 0.0


def _count_channels(shape: tuple[int, ...]) -> int:
    return shape[1] if len(shape) == 2 else shape[0]


def _list_outputs(classes: Sequence[str], count: int) -> tuple[str, ...]:
    """The names of the outputs; if they are many, the first ones and how many more there are."""
    if not classes:
        return (ngettext("{n:,} class", "{n:,} classes", count),)
    if len(classes) <= MAX_OUTPUTS:
        return tuple(classes)
    shown = tuple(classes[: MAX_OUTPUTS - 1])
    return (*shown, _("and {count:,} more", count=len(classes) - len(shown)))


# ------------------------------------------------------------------ All slabs together


def _lay_out(slabs: list[Slab], outputs: tuple[str, ...], reads_all: bool) -> NetworkDrawing:
    while len(slabs) > MAX_SLABS and (place := _find_fold(slabs)) is not None:
        slabs[place : place + 2] = [_fold(*slabs[place : place + 2])]
    widest = max(slab.width for slab in slabs) or 1.0
    tallest = max(slab.height for slab in slabs) or 1.0
    scaled = tuple(_scale(slab, widest, tallest) for slab in slabs)
    return NetworkDrawing(
        scaled, outputs, reads_all, _make_legend(scaled), _describe(scaled, outputs, reads_all)
    )


def _find_fold(slabs: list[Slab]) -> int | None:
    """Where two neighbours of one state can be folded: those with alike labels, then the small."""
    pairs = [
        (first.label != second.label, first.weights + second.weights, place)
        for place, (first, second) in enumerate(pairwise(slabs))
        if first.state == second.state and bool(first.depth) == bool(second.depth)
    ]
    return min(pairs)[2] if pairs else None


def _fold(first: Slab, second: Slab) -> Slab:
    between = _("{first} to {last}", first="", last="")  # the first slab may be folded itself
    changes = [slab.change for slab in (first, second) if slab.change is not None]
    return replace(
        second,
        stages=first.stages + second.stages,
        title=_("{first} to {last}", first=first.title.partition(between)[0], last=second.title),
        width=max(first.width, second.width),
        height=max(first.height, second.height),
        depth=max(first.depth, second.depth),
        weights=first.weights + second.weights,
        change=max(changes, default=None),
        description=f"{first.description}; {second.description}",
    )


def _scale(slab: Slab, widest: float, tallest: float) -> Slab:
    if not slab.depth:  # no maps: a bar
        return replace(slab, width=0.2, height=FLAT_HEIGHT + (0.15 if slab.state != "new" else 0))
    height = slab.height / tallest
    return replace(slab, width=max(0.15, slab.width / widest), height=height, depth=height)


def _make_legend(slabs: tuple[Slab, ...]) -> tuple[LegendEntry, ...]:
    totals: dict[SlabState, int] = {}
    for slab in slabs:
        totals[slab.state] = totals.get(slab.state, 0) + slab.weights
    return tuple(
        LegendEntry(state, _describe_legend(state, weights)) for state, weights in totals.items()
    )


def _describe_legend(state: SlabState, weights: int) -> str:
    if state == "cut away":
        return _(LEGEND_WORDS[state])
    return _(LEGEND_WORDS[state], weights=format_count(weights))


def _describe(slabs: tuple[Slab, ...], outputs: tuple[str, ...], reads_all: bool) -> str:
    """The drawing in words, slab by slab."""
    steps = ". ".join(f"{n}. {slab.description}" for n, slab in enumerate(slabs, start=1))
    told = [
        _("The network, in the order in which an image passes through it. {steps}.", steps=steps)
    ]
    if outputs:
        told.append(_("The new layer's outputs: {outputs}.", outputs=", ".join(outputs)))
    if reads_all:
        told.append(_("The new layer reads every kept stage."))
    return " ".join(told)
