"""The evidence of the similarity estimate: accuracy by stage, learning curve, distances."""

from math import log10
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, ORANGE, apply_layout
from transfer_core.languages import _

if TYPE_CHECKING:
    from transfer_core.transferability import (
        LearningCurve,
        SimilarityEstimate,
        StageEvidence,
        TransferabilityEvidence,
    )


def plot_stage_accuracy(evidence: "TransferabilityEvidence", cut: str | None = None) -> go.Figure:
    """Balanced accuracy of a linear probe on each stage, with 95 % intervals.

    Args:
        evidence: Measured on the new images.
        cut: The stage that the head follows; None marks the best cut.
    """
    stages = evidence.stages
    titles = [_abbreviate_title(stage.title) for stage in stages]
    figure = go.Figure(
        go.Scatter(
            x=titles,
            y=[s.accuracy for s in stages],
            mode="lines+markers",
            name=_("pre-trained"),
            line={"color": BLUE},
            marker={"size": 10},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [s.high - s.accuracy for s in stages],
                "arrayminus": [s.accuracy - s.low for s in stages],
            },
            hovertemplate=f"%{{x}}: %{{y:.1%}}<extra>{_('pre-trained')}</extra>",
        )
    )
    _add_random_baselines(figure, titles, evidence)
    _add_cut_marker(figure, evidence, cut or evidence.best_cut)
    figure.update_xaxes(title=_("stage, input to output"))
    figure.update_yaxes(
        title=_("balanced accuracy, 95 % intervals"), tickformat=".0%", range=[0, 1.05]
    )
    return apply_layout(figure, _("How well each stage tells your classes apart"))


def _add_random_baselines(
    figure: go.Figure, titles: list[str], evidence: "TransferabilityEvidence"
) -> None:
    """Lines of a network with random weights, if it was measured, and of guessing."""
    if evidence.stages[0].untrained_accuracy is not None:
        figure.add_scatter(
            x=titles,
            y=[s.untrained_accuracy for s in evidence.stages],
            mode="lines+markers",
            name=_("random weights"),
            line={"color": GREY, "width": 1.5},
            marker={"size": 6, "symbol": "square"},
            hovertemplate=f"%{{x}}: %{{y:.1%}}<extra>{_('random weights')}</extra>",
        )
    figure.add_scatter(
        x=titles,
        y=[1 / evidence.classes] * len(titles),
        mode="lines",
        name=_("guessing"),
        line={"dash": "dash", "color": GREY},
        hoverinfo="skip",
    )


def _add_cut_marker(figure: go.Figure, evidence: "TransferabilityEvidence", cut: str) -> None:
    """A diamond at the stage that the head follows."""
    for stage in evidence.stages:
        if stage.stage == cut:
            figure.add_scatter(
                x=[_abbreviate_title(stage.title)],
                y=[stage.accuracy],
                mode="markers",
                name=_("new layer"),
                marker={
                    "symbol": "diamond-open",
                    "size": 18,
                    "color": ORANGE,
                    "line": {"width": 3},
                },
                hoverinfo="skip",
            )


def describe_stage_accuracy(evidence: "TransferabilityEvidence") -> str:
    """The figure in words."""
    accuracies = ", ".join(map(_describe_stage, evidence.stages))
    return _(
        "Balanced accuracy of a probe on each stage: {accuracies}; guessing {chance:.0%}.",
        accuracies=accuracies,
        chance=1 / evidence.classes,
    )


def _describe_stage(stage: "StageEvidence") -> str:
    accuracy, untrained = f"{_(stage.title)} {stage.accuracy:.0%}", stage.untrained_accuracy
    if untrained is None:
        return accuracy
    return _("{told} (random weights {random:.0%})", told=accuracy, random=untrained)


def plot_learning_curve(curve: "LearningCurve") -> go.Figure:
    """Accuracy of a linear probe against images per class, measured and extrapolated."""
    figure = go.Figure(
        go.Scatter(
            x=curve.images,
            y=curve.accuracy,
            mode="lines+markers",
            name=_("measured"),
            line={"color": BLUE},
            marker={"size": 9},
            error_y={"type": "data", "array": curve.standard_deviation},
            hovertemplate=_("%{x:,.0f} images per class: %{y:.1%}") + "<extra></extra>",
        )
    )
    figure.add_scatter(
        x=[curve.images[-1], *curve.extrapolated_images_per_class],
        y=[curve.accuracy[-1], *curve.expected],
        mode="lines+markers",
        name=_("if it goes on so"),
        line={"color": ORANGE, "dash": "dot"},
        marker={"size": 7, "symbol": "circle-open"},
        hovertemplate=_("%{x:,.0f} images per class: about %{y:.0%}") + "<extra></extra>",
    )
    figure.update_xaxes(
        title=_("images per class to learn from"), type="log", dtick=log10(2), tickformat=",.0f"
    )
    figure.update_yaxes(title=_("balanced accuracy"), tickformat=".0%", range=[0, 1.05])
    return apply_layout(figure, _("What more images would bring"))


def describe_learning_curve(curve: "LearningCurve") -> str:
    """The figure in words."""
    measured = ", ".join(
        _("{images:.0f} images per class {accuracy:.0%}", images=images, accuracy=accuracy)
        for images, accuracy in zip(curve.images, curve.accuracy, strict=True)
    )
    further = ", ".join(
        _("{images:.0f} about {accuracy:.0%}", images=images, accuracy=accuracy)
        for images, accuracy in zip(
            curve.extrapolated_images_per_class, curve.expected, strict=True
        )
    )
    return _(
        "A probe's balanced accuracy: {measured}. If it goes on so: {further}.",
        measured=measured,
        further=further,
    )


def plot_reference_distances(estimate: "SimilarityEstimate") -> go.Figure:
    """The distance of the data set beside those of known image sets, on a logarithmic axis."""
    rows = sorted(
        [
            *((_(name), distance, False) for name, distance in estimate.reference_distances),
            (_("your images"), estimate.evidence.distance, True),
        ],
        key=lambda row: -row[1],
    )
    figure = go.Figure(
        go.Scatter(
            x=[distance for _name, distance, _is_own in rows],
            y=[name for name, _distance, _is_own in rows],
            mode="markers+text",
            text=[f"{distance:.2g}" for _name, distance, _is_own in rows],
            textposition="middle right",
            cliponaxis=False,
            marker=_make_markers([is_own for *_row, is_own in rows]),
            hovertemplate="%{y}: %{x:.3g}<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_xaxes(
        title=_("distance to the<br>source photos (small: alike)"),
        type="log",
        tickvals=[0.001, 0.01, 0.1, 1, 10],
    )
    figure.update_yaxes(automargin=True, showgrid=False)
    figure = apply_layout(figure, _("How foreign your images look to the network"), height=340)
    return figure.update_layout(margin={"r": 40})  # the furthest point's number


def _make_markers(is_own: list[bool]) -> dict[str, object]:
    """Markers that set the person's own data set apart in colour, shape and size."""
    return {
        "opacity": 1,
        "size": [16 if own else 10 for own in is_own],
        "symbol": ["diamond" if own else "circle" for own in is_own],
        "color": [ORANGE if own else BLUE for own in is_own],
    }


def describe_reference_distances(estimate: "SimilarityEstimate") -> str:
    """The figure in words."""
    own = estimate.evidence.distance
    nearer = [_(name) for name, distance in estimate.reference_distances if distance <= own]
    further = [_(name) for name, distance in estimate.reference_distances if distance > own]
    ends = {"near": nearer[-1] if nearer else "", "far": further[0] if further else ""}
    if not nearer:
        where = _("nearer than everything known")
    elif not further:
        where = _("further than {near}", near=ends["near"])
    else:
        where = _("further than {near} and nearer than {far}", **ends)
    return _("Your images are at distance {distance:.2g}: {where}.", distance=own, where=where)


def _abbreviate_title(title: str) -> str:
    """A stage's title, short enough for an axis."""
    if title.startswith("Convolution "):
        return _("Conv {number}", number=title.removeprefix("Convolution "))
    if title.startswith("Fully connected "):
        return _("FC {number}", number=title.removeprefix("Fully connected "))
    return _(title)
