"""How many images are enough? Draws of growing sizes, and the new layer measured on them.

Every way to train learns from the same draws of the training and validation images and is asked
about the same others, so that the difference between two ways is paired. Test images are in none.
"""

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from transfer_core.features import fit_unit_scaling
from transfer_core.transferability.grouped_folds import FOLDS, assign_grouped_folds
from transfer_core.transferability.head_cross_validation import train_heads

SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # images of each class to learn from
DRAWS = 10  # of each size for the new layer, which takes seconds
MAX_CLASSES = 30  # classes, above which there are half as many draws
NEW_LAYER = "1"  # key of the strategy


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The accuracy of one training on one draw."""

    key: str  # of the strategy, as in `cases.list_strategies`
    images_per_class: int
    draw: int
    accuracy: float  # on the images held out, in [0, 1]
    held_out: int  # images
    seconds: float  # of the training

    @property
    def place(self) -> tuple[str, int, int]:
        """What was trained on which draw; no two points share it."""
        return self.key, self.draw, self.images_per_class


@dataclass(frozen=True, eq=False)
class Draw:
    """Images to learn from, and others to be asked about."""

    number: int  # of the draw, counted from 0
    images_per_class: int
    train: np.ndarray  # indices, int64, ascending
    held_out: np.ndarray  # indices, int64, ascending; the same for all sizes of a number

    def make_point(self, key: str, accuracy: float, seconds: float) -> CurvePoint:
        """Return the point of a training on this draw."""
        held_out = len(self.held_out)
        return CurvePoint(key, self.images_per_class, self.number, accuracy, held_out, seconds)


def plan_draws(
    labels: np.ndarray, groups: Sequence[Hashable], count: int | None = None
) -> tuple[Draw, ...]:
    """Draw images of growing sizes; the images of a size are among those of the next.

    Args:
        labels: Class indices from 0, int64 (N,).
        groups: Group of each image; near-duplicates share one and are never on both sides.
        count: Draws of each size; None takes `DRAWS`, half of them with many classes.

    Returns:
        All sizes of the first draw, smallest first, then those of the next. A size is missing
        where a class has too few images.
    """
    classes = int(labels.max()) + 1
    count = count or (DRAWS if classes <= MAX_CLASSES else DRAWS // 2)
    drawn = []  # for each number: shuffled images of each class to learn from, and those held out
    for number in range(count):
        folds = assign_grouped_folds(labels, groups, seed=number // FOLDS)
        is_out = folds == number % FOLDS
        order = np.random.default_rng(number).permutation(np.flatnonzero(~is_out))
        members = [order[labels[order] == each] for each in range(classes)]
        if is_out.any():  # with few groups, a fold may be empty
            drawn.append((number, members, np.flatnonzero(is_out)))
    sizes = list_sizes(min(len(each) for _, members, _ in drawn for each in members))
    return tuple(
        Draw(number, size, np.sort(np.concatenate([each[:size] for each in members])), held_out)
        for number, members, held_out in drawn
        for size in sizes
    )


def list_sizes(most: int) -> tuple[int, ...]:
    """Return the sizes up to the most images of each class, which is a size itself if it adds."""
    sizes = tuple(size for size in SIZES if size <= most)
    # All that there are, unless that is hardly more than the last size.
    return (*sizes, most) if sizes and most >= 1.4 * sizes[-1] else sizes


def measure_new_layer(
    embeddings: np.ndarray, labels: np.ndarray, draws: Sequence[Draw]
) -> Iterator[CurvePoint]:
    """Train the new layer alone (case 1) on each draw.

    Args:
        embeddings: What the head reads, float32 (N, D).
        labels: Class indices from 0, int64 (N,).
        draws: From `plan_draws`.
    """
    for draw in draws:
        began = time.perf_counter()
        mean, divisor = fit_unit_scaling(embeddings[draw.train])
        known, asked = (
            torch.from_numpy((embeddings[part] - mean) / divisor)
            for part in (draw.train, draw.held_out)
        )
        everything = np.ones((1, len(known)), bool)
        heads = train_heads(known @ known.T, labels[draw.train], everything)
        (predicted,) = heads.predict(asked @ known.T)
        accuracy = float((predicted == labels[draw.held_out]).mean())
        seconds = time.perf_counter() - began
        yield draw.make_point(NEW_LAYER, accuracy, seconds)
