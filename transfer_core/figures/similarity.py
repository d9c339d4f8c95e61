"""What the similarity estimate rests on: accuracy along the depth, and distance."""

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from transfer_core.figures.theme import BLUE, GREY, ORANGE, styled

if TYPE_CHECKING:
    from transfer_core.similarity import SimilarityEstimate


def stage_accuracy(estimate: "SimilarityEstimate", cut: str | None = None) -> go.Figure:
    """Balanced accuracy of a linear probe on each stage, with 95 % intervals."""
    stages = estimate.evidence
    titles = [_short(stage.title) for stage in stages]
    figure = go.Figure(
        go.Scatter(
            x=titles, y=[s.accuracy for s in stages], mode="lines+markers",
            name="probe", line={"color": BLUE}, marker={"size": 10},
            error_y={
                "type": "data", "symmetric": False,
                "array": [s.high - s.accuracy for s in stages],
                "arrayminus": [s.accuracy - s.low for s in stages],
            },
            hovertemplate="%{x}: %{y:.1%}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_scatter(
        x=titles, y=[estimate.chance] * len(titles), mode="lines", name="guessing",
        line={"dash": "dash", "color": GREY}, hoverinfo="skip",
    )  # fmt: skip
    chosen = cut or estimate.best_cut
    for stage in stages:
        if stage.stage == chosen:
            figure.add_scatter(
                x=[_short(stage.title)], y=[stage.accuracy], mode="markers", name="new layer",
                marker={
                    "symbol": "diamond-open", "size": 18, "color": ORANGE, "line": {"width": 3},
                },
                hoverinfo="skip",
            )  # fmt: skip
    figure.update_xaxes(title="stage, input to output")
    figure.update_yaxes(
        title="balanced accuracy, 95 % intervals", tickformat=".0%", range=[0, 1.05]
    )
    return styled(figure, "How well each stage tells your classes apart")


def describe_stage_accuracy(estimate: "SimilarityEstimate") -> str:
    """The figure in words."""
    told = ", ".join(f"{s.title} {s.accuracy:.0%}" for s in estimate.evidence)
    return f"Balanced accuracy of a probe on each stage: {told}; guessing {estimate.chance:.0%}."


def ladder(estimate: "SimilarityEstimate") -> go.Figure:
    """The data set's distance among those of known image sets, on a logarithmic axis."""
    rungs = sorted(
        [*estimate.ladder, ("your images", estimate.distance)], key=lambda rung: -rung[1]
    )
    yours = [name == "your images" for name, _ in rungs]
    figure = go.Figure(
        go.Scatter(
            x=[distance for _, distance in rungs], y=[name for name, _ in rungs],
            mode="markers+text", text=[f"{distance:.2g}" for _, distance in rungs],
            textposition="middle right", cliponaxis=False,
            marker={
                "opacity": 1, "size": [16 if own else 10 for own in yours],
                "symbol": ["diamond" if own else "circle" for own in yours],
                "color": [ORANGE if own else BLUE for own in yours],
            },
            hovertemplate="%{y}: %{x:.3g} nats<extra></extra>", showlegend=False,
        )
    )  # fmt: skip
    figure.update_xaxes(
        title="distance to the<br>source photos (nats)",
        type="log",
        tickvals=[0.001, 0.01, 0.1, 1, 10],
    )
    figure.update_yaxes(automargin=True, showgrid=False)
    figure = styled(figure, "How foreign your images look to the network", height=340)
    return figure.update_layout(margin={"r": 40})  # the furthest point's number


def describe_ladder(estimate: "SimilarityEstimate") -> str:
    """The figure in words."""
    nearer = [name for name, distance in estimate.ladder if distance <= estimate.distance]
    further = [name for name, distance in estimate.ladder if distance > estimate.distance]
    between = f"further than {nearer[-1]}" if nearer else "nearer than everything known"
    beyond = f" and nearer than {further[0]}" if further else ""
    return f"Your images are at distance {estimate.distance:.2g}: {between}{beyond}."


def _short(title: str) -> str:
    """A stage's title for an axis."""
    return title.replace("Convolution", "Conv").replace("Fully connected", "FC")
