"""Number of images per class, stacked by split."""

from collections.abc import Sequence

import plotly.graph_objects as go

from transfer_core.dataset import SPLITS, DataSet
from transfer_core.figures.theme import BLUE, GREEN, ORANGE, apply_layout, escape_label

MAX_CLASSES_SHOWN = 40  # bars that stay readable


def plot_class_counts(data_set: DataSet) -> go.Figure:
    """A bar for each class; if there are many, for the largest ones."""
    totals = data_set.counts()
    order = sorted(range(len(totals)), key=lambda c: -totals[c])[:MAX_CLASSES_SHOWN][::-1]
    names = [escape_label(data_set.classes[c], 24) for c in order]
    figure = go.Figure()
    looks = zip(SPLITS, (BLUE, ORANGE, GREEN), ("", "/", "."), strict=True)
    for split, colour, hatching in looks:
        counts = data_set.counts(split)
        figure.add_bar(
            y=list(range(len(order))),
            x=[counts[c] for c in order],
            orientation="h",
            name=split,
            marker={"color": colour, "pattern": {"shape": hatching}},
            customdata=names,
            hovertemplate="%{customdata}: %{x} " + split + " images<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title="images")
    figure.update_yaxes(title="class", tickvals=list(range(len(order))), ticktext=names)
    title = "Images of each class, by split"
    if len(totals) > MAX_CLASSES_SHOWN:
        title = f"Images of the {MAX_CLASSES_SHOWN} largest classes"
    return apply_layout(figure, title, height=140 + 26 * len(order))


def describe_count_range(counts: Sequence[int]) -> str:
    """Images of the smallest and the largest class: "98 to 155", or "60" if they are equal."""
    least, most = min(counts), max(counts)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def describe_class_counts(data_set: DataSet) -> str:
    """The figure in words."""
    counts = data_set.counts()
    rest = sorted(counts, reverse=True)[MAX_CLASSES_SHOWN:]
    hidden = f" The {len(rest)} smallest, {sum(rest):,} images, are not drawn." if rest else ""
    return (
        f"{len(counts)} classes with {describe_count_range(counts)} images each; "
        + ", ".join(f"{len(data_set.indices(split)):,} {split}" for split in SPLITS)
        + f" images.{hidden}"
    )
