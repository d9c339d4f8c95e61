"""Number of images per class, stacked by split."""

from collections.abc import Sequence

import plotly.graph_objects as go

from transfer_core.dataset import SPLITS, DataSet
from transfer_core.figures.theme import BLUE, GREEN, ORANGE, apply_layout, escape_label
from transfer_core.languages import N_, _

SPLIT_NAMES = {
    "train": N_("train"),
    "validation": N_("validation"),
    "test": N_("test"),
}
SPLIT_HOVERS = {
    "train": N_("%{customdata}: %{x} train images"),
    "validation": N_("%{customdata}: %{x} validation images"),
    "test": N_("%{customdata}: %{x} test images"),
}
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
            name=_(SPLIT_NAMES[split]),
            marker={"color": colour, "pattern": {"shape": hatching}},
            customdata=names,
            hovertemplate=_(SPLIT_HOVERS[split]) + "<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title=_("images"))
    figure.update_yaxes(title=_("class"), tickvals=list(range(len(order))), ticktext=names)
    title = _("Images of each class, by split")
    if len(totals) > MAX_CLASSES_SHOWN:
        title = _("Images of the {classes} largest classes", classes=MAX_CLASSES_SHOWN)
    return apply_layout(figure, title, height=140 + 26 * len(order))


def describe_count_range(counts: Sequence[int]) -> str:
    """Images of the smallest and the largest class: "98 to 155", or "60" if they are equal."""
    least, most = min(counts), max(counts)
    if least == most:
        return _("{images:,}", images=least)
    return _("{least:,} to {most:,}", least=least, most=most)


def describe_class_counts(data_set: DataSet) -> str:
    """The figure in words."""
    counts = data_set.counts()
    rest = sorted(counts, reverse=True)[MAX_CLASSES_SHOWN:]
    told = _(
        "{classes} classes with {images} images each; {train:,} train, {validation:,} validation, "
        "{test:,} test images.",
        classes=len(counts),
        images=describe_count_range(counts),
        **{split: len(data_set.indices(split)) for split in SPLITS},
    )
    if not rest:
        return told
    return f"{told} " + _(
        "The {classes} smallest, {images:,} images, are not drawn.",
        classes=len(rest),
        images=sum(rest),
    )
