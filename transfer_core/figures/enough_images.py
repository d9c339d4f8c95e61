"""Images of each class against accuracy, for several ways to train: plain data and words."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf
from typing import TYPE_CHECKING, Any

from transfer_core.figures.theme import BLUE, ORANGE, PURPLE
from transfer_core.languages import N_, _, ngettext

if TYPE_CHECKING:
    from transfer_core.transferability import Crossing, SizeMean

STYLES = {  # name, colour, marker and dashes of each way to train
    "1": (N_("case 1: new layer alone"), BLUE, "circle", None),
    "3": (N_("case 3: everything"), ORANGE, "square", "6 3"),
    "4-random": (N_("from random weights"), PURPLE, "diamond", "2 3"),
}
SHIFT = 3  # pixels between the error bars of two ways at the same size


def build_enough_chart(means: Sequence[SizeMean], crossing: Crossing | None) -> dict[str, Any]:
    """Build the chart, as plain JSON; error bars are one standard deviation over the draws.

    Args:
        means: From `average_by_size`.
        crossing: Of case 3, if it was trained; its interval is shaded.
    """
    series, sizes = [], sorted({mean.images_per_class for mean in means})
    for number, key in enumerate(dict.fromkeys(mean.key for mean in means)):
        own = sorted((m for m in means if m.key == key), key=lambda mean: mean.images_per_class)
        name, colour, marker, dash = STYLES[key]
        line = {
            "name": _(name),
            "colour": colour,
            "marker": marker,
            "x": [mean.images_per_class for mean in own],
            "y": [round(mean.accuracy, 4) for mean in own],
            "low": [round(max(0, mean.accuracy - mean.spread), 4) for mean in own],
            "high": [round(min(1, mean.accuracy + mean.spread), 4) for mean in own],
            "shift": SHIFT * number,
        }
        series.append(line | ({"dash": dash} if dash else {}))
    x = {"label": _("training images of each class"), "unit": _("images of each class")}
    chart = {
        "title": _("Accuracy on images that it did not learn from"),
        "height": 16,
        "x": x | {"log": len(sizes) > 1, "ticks": sizes},
        "y": {"percent": True, "min": 0, "max": 1},
        "series": series,
    }
    return chart | (_mark_crossing(crossing) if crossing else {})


def _mark_crossing(crossing: Crossing) -> dict[str, Any]:
    """Shade the interval, as far as it lies within what was measured, and mark its middle."""
    fewest, most = crossing.sizes[0], crossing.sizes[-1]
    inside = [min(most, max(fewest, each)) for each in (crossing.low, crossing.high)]
    shown = {"band": inside} if inside[0] < inside[1] else {}
    if isinf(crossing.images_per_class):
        return shown
    return shown | {"marks": [{"x": crossing.images_per_class, "label": _("“large” begins")}]}


def describe_enough_chart(means: Sequence[SizeMean]) -> str:
    """Say every point of the chart."""
    if not means:
        return _("Nothing is measured yet.")
    lines = []
    for key in dict.fromkeys(mean.key for mean in means):
        own = sorted((m for m in means if m.key == key), key=lambda mean: mean.images_per_class)
        points = ", ".join(
            ngettext(
                "{n} image {accuracy:.0%}",
                "{n} images {accuracy:.0%}",
                mean.images_per_class,
                accuracy=mean.accuracy,
            )
            + (f" ± {mean.spread:.0%}" if mean.draws > 1 else "")
            for mean in own
        )
        lines.append(f"{_(STYLES[key][0])}: {points}")
    told = "; ".join(lines)
    return _("Accuracy by training images of each class. {told}.", told=told)
