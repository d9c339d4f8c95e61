"""Accuracy against the depth of the cut: how transferable the layers of a network are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREEN, GREY, ORANGE, PURPLE, apply_layout
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.networks import SourceNetwork
    from transfer_core.transferability import Arm, LayerTransferPoint

STYLES = {  # of each arm, by its key: name, colour, marker, dash
    "own-pretrained-frozen": (N_("kept and frozen"), BLUE, "square", "solid"),
    "own-pretrained-tuned": (N_("kept and trained on"), GREEN, "circle", "solid"),
    "own-random-frozen": (N_("random and frozen"), PURPLE, "x", "dot"),
    "own-self-frozen": (N_("control: frozen, its own layers"), ORANGE, "triangle-up", "dashdot"),
    "own-self-tuned": (N_("control: trained on, its own layers"), GREY, "star", "dashdot"),
    "source-pretrained-frozen": (N_("control: frozen, source images"), ORANGE, "diamond", "dash"),
    "source-pretrained-tuned": (N_("control: trained on, source images"), GREY, "cross", "dash"),
}


def plot_layer_transfer(
    source: "SourceNetwork", arms: "Sequence[Arm]", points: "tuple[LayerTransferPoint, ...]"
) -> go.Figure:
    """Draw a line for each arm, with the standard error over the seeds."""
    from transfer_core.transferability import summarise_points

    figure = go.Figure()
    for arm in arms:
        name, colour, symbol, dash = STYLES[arm.key]
        rows = summarise_points(points, arm)
        figure.add_scatter(
            x=[cut for cut, *_ in rows],
            y=[100 * mean for _, mean, _, _ in rows],
            error_y={"type": "data", "array": [100 * error for _, _, error, _ in rows]},
            mode="lines+markers",
            name=_(name),
            line={"color": colour, "dash": dash},
            marker={"size": 9, "symbol": symbol},
            hovertemplate="%{y:.0f} %<extra>%{fullData.name}</extra>",
        )
    kept = source.stages[:-1]
    titles = [_("none"), *(_(stage.title) for stage in kept)]
    figure.update_xaxes(
        title=_("layers kept, up to and with"),
        tickvals=list(range(len(titles))),
        ticktext=titles,
        range=[-0.3, len(kept) + 0.3],
    )
    figure.update_yaxes(title=_("accuracy (%)"), range=[0, 102])
    figure = apply_layout(figure, _("How transferable are the layers?"), height=440)
    return figure.update_layout(margin={"t": 110})


def tabulate_layer_transfer(
    source: "SourceNetwork", arms: "Sequence[Arm]", points: "tuple[LayerTransferPoint, ...]"
) -> list[dict[str, str]]:
    """A row for each cut: accuracy in percent by arm, with its standard error over the seeds."""
    from transfer_core.transferability import summarise_points

    titles = [_("none"), *(_(stage.title) for stage in source.stages[:-1])]
    rows = [{_("layers kept"): title} for title in titles]
    for arm in arms:
        for cut, mean, error, seeds in summarise_points(points, arm):
            # One seed tells nothing of the error.
            text = "{mean:.1f} ± {error:.1f}" if seeds > 1 else "{mean:.1f}"
            rows[cut][_(STYLES[arm.key][0])] = _(text, mean=100 * mean, error=100 * error)
    return rows


def describe_layer_transfer(
    source: "SourceNetwork", arms: "Sequence[Arm]", points: "tuple[LayerTransferPoint, ...]"
) -> str:
    """The figure in words."""
    sentences = []
    for row in tabulate_layer_transfer(source, arms, points):
        (_heading, kept), *values = row.items()
        found = [f"{name} {value} %" for name, value in values]
        if found:
            sentences.append(f"{kept}: {', '.join(found)}")
    words = "; ".join(sentences) or _("nothing measured yet")
    return _(
        "Accuracy with standard error over the seeds, by the layers kept. {words}.", words=words
    )
