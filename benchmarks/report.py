"""Say what was measured: a table, what was to be shown, and a Plotly page."""

import argparse
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
import plotly.io

from benchmarks.sides import Comparison
from transfer_core.figures import BLUE, ORANGE, apply_layout

Row = dict[str, str | int | float]
ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Claim:
    """A measured value and the bound that it must keep."""

    what: str
    found: float
    at_most: float | None = None
    at_least: float | None = None

    def __str__(self) -> str:
        bar = self.at_most if self.at_most is not None else self.at_least
        word = "at most" if self.at_most is not None else "at least"
        reached = self.found <= bar if self.at_most is not None else self.found >= bar
        verdict = "reached" if reached else "MISSED"
        return f"{self.what}: {self.found:.3g} ({word} {bar:g}): {verdict}"


def build_parser(description: str, page: str, *, rounds: int = 5) -> argparse.ArgumentParser:
    """The options that benchmarks share: rounds, and where the page goes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--page", type=Path, default=Path(f"benchmark_{page}.html"))
    return parser


def find_shared_zip(name: str) -> Path:
    """A real image set beside the checkout; says so and ends where it is absent."""
    path = SHARED_DATA / name
    if not path.is_file():
        raise SystemExit(f"This benchmark needs {name}, and {SHARED_DATA} does not have it.")
    return path


def summarise_sides(comparison: Comparison, reference: str) -> list[Row]:
    """A row for each side: median, least and greatest figure, and the ratio to one side."""
    return [
        {
            "what": comparison.title,
            "side": side,
            f"median, {comparison.unit}": statistics.median(figures),
            "least": min(figures),
            "greatest": max(figures),
            f"ratio to {reference}": comparison.ratio(side, reference),
            "processor, s": statistics.median(comparison.cpu_seconds[side]),
            "its ratio": comparison.cpu_ratio(side, reference),
        }
        for side, figures in comparison.figures.items()
    ]


def describe_load(*comparisons: Comparison) -> str:
    """Say how busy the machine was: other processes make timings less reliable."""
    loads = ", ".join(
        f"{before:.1f} to {after:.1f}" for before, after in (c.load for c in comparisons)
    )
    return f"Load average (1 minute) {loads} on {os.cpu_count()} cores ({platform.machine()})."


def draw_comparison(comparison: Comparison) -> go.Figure:
    """A bar for the median of each side, and a point for each round."""
    figure = go.Figure()
    sides = list(comparison.figures)
    figure.add_bar(
        x=[comparison.median(side) for side in sides],
        y=sides,
        orientation="h",
        marker_color=BLUE,
        name="median",
        text=[f"{comparison.median(side):.3g}" for side in sides],
        textposition="inside",
    )
    points = [(figure_, side) for side in sides for figure_ in comparison.figures[side]]
    figure.add_scatter(
        x=[x for x, _ in points],
        y=[side for _, side in points],
        mode="markers",
        marker={"color": ORANGE, "size": 9, "symbol": "line-ns-open"},
        name="one round",
    )
    figure.update_xaxes(title=comparison.unit, rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return apply_layout(figure, comparison.title, height=180 + 40 * len(sides))


def write_report(
    title: str,
    rows: Sequence[Row],
    claims: Sequence[Claim],
    figures: Sequence[go.Figure],
    notes: Sequence[str],
    page: Path,
) -> None:
    """Print the table, the claims and the notes, and write them and the figures as a page."""
    text = "\n".join([title, "", *format_table(rows), "", *map(str, claims), *notes])
    print(text)
    parts = [
        plotly.io.to_html(figure, full_html=False, include_plotlyjs=number == 0)
        for number, figure in enumerate(figures)
    ]
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<body style="font-family: sans-serif; max-width: 60rem; margin: 2rem auto">'
        f"<pre>{_escape_html(text)}</pre>{''.join(parts)}</body></html>",
        encoding="utf-8",
    )
    print(f"The same with figures: {page}")


def format_table(rows: Sequence[Row]) -> list[str]:
    """The rows as a table of aligned columns."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns, *([_format_cell(row.get(name, "")) for name in columns] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]


def _format_cell(value: str | int | float) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def _escape_html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
