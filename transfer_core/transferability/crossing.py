"""From how many images of each class does training everything win? With its uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf, sqrt

import numpy as np

from transfer_core.languages import _, ngettext
from transfer_core.transferability.accuracy_interval import Z_80
from transfer_core.transferability.enough_images import NEW_LAYER, CurvePoint

SIMULATIONS = 4_000  # of the differences within their errors
MIN_POINTS = 3  # differences in a size, from which their own spread tells the error


@dataclass(frozen=True, slots=True)
class SizeMean:
    """A way to train on one size: the mean over the draws and their spread."""

    key: str
    images_per_class: int
    accuracy: float  # mean, in [0, 1]
    spread: float  # standard deviation over the draws; 0 for a single one
    draws: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where one way to train begins to win over the new layer alone."""

    key: str
    sizes: tuple[int, ...]  # images of each class that both were measured on
    differences: tuple[float, ...]  # mean of its accuracy minus that of the new layer, by size
    errors: tuple[float, ...]  # standard errors of the differences
    images_per_class: float  # -inf: it wins from the fewest on; inf: nowhere
    low: float  # of the 80 % interval; -inf or inf as above
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether both ends of the interval are numbers of images, or say the same."""
        return self.low == self.high or not (isinf(self.low) or isinf(self.high))


def average_by_size(points: Sequence[CurvePoint]) -> tuple[SizeMean, ...]:
    """Return the mean of every way to train and size, ways in order of appearance."""
    keys = dict.fromkeys(point.key for point in points)
    groups = {
        (key, size): [p.accuracy for p in points if (p.key, p.images_per_class) == (key, size)]
        for key in keys
        for size in sorted({p.images_per_class for p in points if p.key == key})
    }
    return tuple(
        SizeMean(
            *place,
            float(np.mean(values)),
            float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
            len(values),
        )
        for place, values in groups.items()
    )


def find_crossing(points: Sequence[CurvePoint], key: str) -> Crossing | None:
    """Find from which size on a way to train wins over the new layer alone.

    The differences on the same draw are paired. Between two sizes the mean difference lies on a
    straight line over the logarithm of the images. The interval comes from differences that are
    drawn anew within their standard errors.

    Args:
        points: All that were measured.
        key: Of the way to train.

    Returns:
        None if nothing was measured of it.
    """
    sizes, differences, errors = _pair(points, key)
    if not sizes:
        return None
    logs = np.log(sizes)
    drawn = np.random.default_rng(0).normal(differences, errors, (SIMULATIONS, len(sizes)))
    found = np.sort([_cross(logs, row) for row in drawn])
    low, high = (found[int(share * (SIMULATIONS - 1))] for share in (0.1, 0.9))
    return Crossing(
        key,
        sizes,
        tuple(differences),
        tuple(errors),
        _cross(logs, np.array(differences)),
        float(low),
        float(high),
    )


def _pair(
    points: Sequence[CurvePoint], key: str
) -> tuple[tuple[int, ...], list[float], list[float]]:
    """Return the sizes, mean differences and their standard errors."""
    alone = {p.place[1:]: p for p in points if p.key == NEW_LAYER}
    pairs = [(p, alone[p.place[1:]]) for p in points if p.key == key and p.place[1:] in alone]
    sizes = tuple(sorted({p.images_per_class for p, _ in pairs}))
    by_size = [[pair for pair in pairs if pair[0].images_per_class == size] for size in sizes]
    gains = [[one.accuracy - other.accuracy for one, other in group] for group in by_size]
    spread = _pool_spread(gains)
    errors = [
        _compute_error(group, values, spread) for group, values in zip(by_size, gains, strict=True)
    ]
    return sizes, [float(np.mean(values)) for values in gains], errors


def _pool_spread(gains: list[list[float]]) -> float | None:
    """Return the standard deviation within the sizes; None from too few differences."""
    freedom = sum(len(values) - 1 for values in gains)
    if freedom < MIN_POINTS:
        return None
    return sqrt(sum(float(np.var(values)) * len(values) for values in gains) / freedom)


def _compute_error(group: list, gains: list[float], spread: float | None) -> float:
    """Return the standard error of a mean difference; never less than that of half an image."""
    images = sum(point.held_out for point, _ in group)
    least = 0.5 / images
    if spread is not None:
        return max(least, spread / sqrt(len(gains)))
    # One draw tells no spread: that of images which are right or wrong by chance.
    variances = [
        each.accuracy * (1 - each.accuracy) / each.held_out for pair in group for each in pair
    ]
    return max(least, sqrt(sum(variances)) / len(gains))


def _cross(logs: np.ndarray, differences: np.ndarray) -> float:
    """Return the images from which on no difference is negative."""
    behind = np.flatnonzero(differences < 0)
    if not len(behind):
        return -inf
    last = behind[-1]
    if last == len(differences) - 1:
        return inf
    below, above = differences[last], differences[last + 1]
    share = -below / (above - below)
    return float(np.exp(logs[last] + share * (logs[last + 1] - logs[last])))


def describe_crossing(crossing: Crossing, classes: int) -> str:
    """Say from where on "large" begins for these images.

    Args:
        crossing: Of training everything from the pre-trained weights.
        classes: Number of classes.
    """
    images = crossing.images_per_class
    values = {
        "ahead": _describe_difference(crossing),
        "interval": _("80 % interval: {range}", range=_format_interval(crossing)),
        "end": _describe_end(crossing),
    }
    if images == inf:
        return _(
            "Up to {images} of each class the new layer alone is ahead ({ahead}): {end} "
            "({interval}).",
            images=_format_images(crossing.sizes[-1]),
            **values,
        )
    if images == -inf:
        return _(
            "From {images} of each class on training everything is at least as good as the new "
            "layer alone ({ahead}): {end} ({interval}).",
            images=_format_images(crossing.sizes[0]),
            **values,
        )
    return _(
        "From about {per_class:.0f} images a class ({total:,.0f} in all) training everything is at "
        "least as good as the new layer alone ({ahead}): {end} ({interval}).",
        per_class=images,
        total=images * classes,
        **values,
    )


def describe_new_layer(means: Sequence[SizeMean]) -> str:
    """Say what the new layer alone makes of more images; "" before two sizes are measured."""
    own = sorted((m for m in means if m.key == NEW_LAYER), key=lambda mean: mean.images_per_class)
    if len(own) < 2:
        return ""
    first, before, last = own[0], own[-2], own[-1]
    gain = last.accuracy - before.accuracy
    error = sqrt(sum(mean.spread**2 / mean.draws for mean in (before, last)))
    return _(
        "The new layer alone rises from {first:.0%} with {fewest} of each class to {last:.0%} with "
        "{most:,}. The last step brought {points:+.0f} points: {verdict}.",
        first=first.accuracy,
        fewest=_format_images(first.images_per_class),
        last=last.accuracy,
        most=last.images_per_class,
        points=100 * gain,
        verdict=_("more images would still help")
        if gain > Z_80 * error
        else _("more would hardly help"),
    )


def describe_random_weights(crossing: Crossing) -> str:
    """Say how far training everything from random weights comes against the new layer alone."""
    last = crossing.differences[-1]
    values = {
        "points": 100 * abs(last),
        "error": 100 * Z_80 * crossing.errors[-1],
        "images": _format_images(crossing.sizes[-1]),
    }
    if last < 0:
        return _(
            "From random weights, training everything is {points:.0f} ± {error:.0f} points behind "
            "the new layer with {images} of each class.",
            **values,
        )
    told = _(
        "From random weights, training everything is {points:.0f} ± {error:.0f} points ahead of "
        "the new layer with {images} of each class.",
        **values,
    )
    if isinf(crossing.images_per_class):
        return told
    caught_up = _("It caught up at about {images:.0f}.", images=crossing.images_per_class)
    return f"{told} {caught_up}"


def _describe_difference(crossing: Crossing) -> str:
    return _(
        "at {images:,} by {points:.0f} ± {error:.0f} points",
        images=crossing.sizes[-1],
        points=100 * abs(crossing.differences[-1]),
        error=100 * Z_80 * crossing.errors[-1],
    )


def _describe_end(crossing: Crossing) -> str:
    if not crossing.is_certain:
        return _("the spread is too wide to say where “large” begins; more draws narrow it")
    if crossing.images_per_class == inf:
        return _("“large” begins beyond what was measured")
    if crossing.images_per_class == -inf:
        return _("these images are “large” from the start")
    return _("here “large” begins")


def _format_interval(crossing: Crossing) -> str:
    low, high = (_format_end(crossing, each) for each in (crossing.low, crossing.high))
    return low if low == high else _("{low} to {high}", low=low, high=high)


def _format_end(crossing: Crossing, images: float) -> str:
    if images == -inf:
        return _("fewer than {images:,}", images=crossing.sizes[0])
    if images == inf:
        return _("more than {images:,}", images=crossing.sizes[-1])
    return _("{images:.0f}", images=images)


def _format_images(count: int) -> str:
    return ngettext("{n:,} image", "{n:,} images", count)
