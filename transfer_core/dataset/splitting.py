"""Splits: remove leaks, and make missing parts by seed, stratified by class."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from transfer_core.dataset.archive import Problem
from transfer_core.dataset.types import SPLITS, Split
from transfer_core.images import ImageInfo

HELD_OUT_FRACTION = 0.2  # of the training images, for each of validation and test


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image that can be decoded, before its split is final."""

    path: str
    class_name: str
    split: Split | None  # as given
    digest: str  # SHA-256 of the file
    offset: int  # bytes, in the pack
    length: int  # bytes
    info: ImageInfo


def remove_split_leaks(images: Sequence[DecodedImage]) -> tuple[list[DecodedImage], list[Problem]]:
    """Remove from train the copies of validation and test images, from validation those of test.

    Other exact copies stay. All copies are reported as problems.

    Args:
        images: In the order of their paths.
    """
    # Sorted, since a dictionary of a million digests would be larger than the images' records.
    repeated = {a for a, b in pairwise(sorted(i.digest for i in images)) if a == b}
    copies: dict[str, list[DecodedImage]] = {digest: [] for digest in repeated}
    for image in images:
        if image.digest in repeated:
            copies[image.digest].append(image)
    remaining, problems = [], []
    for image in images:
        if image.digest not in repeated:
            remaining.append(image)
            continue
        same = copies[image.digest]
        leak = _find_copy_in_later_split(image, same)
        if leak is None:
            remaining.append(image)
        problems += _report_copies(image, same, leak)
    return remaining, problems


def _find_copy_in_later_split(
    image: DecodedImage, copies: list[DecodedImage]
) -> DecodedImage | None:
    rank = _get_split_rank(image.split)
    later = [other for other in copies if _get_split_rank(other.split) > rank]
    return max(later, key=lambda other: _get_split_rank(other.split), default=None)


def _get_split_rank(split: Split | None) -> int:
    return SPLITS.index(split or "train")


def _report_copies(
    image: DecodedImage, copies: list[DecodedImage], leak: DecodedImage | None
) -> list[Problem]:
    problems = []
    if leak:
        message = (
            f"The same file as {leak.path}: a leak between {image.split} and {leak.split}. "
            f"This copy was left out of {image.split}."
        )
        problems.append(Problem("leak", image.path, message))
    first = next(other for other in copies if other.split == image.split)
    if image is not first and not leak:
        message = f"The same file as {first.path}; both stay in the same part of the split."
        problems.append(Problem("duplicate", image.path, message))
    other = next((o for o in copies if o.class_name != image.class_name), None)
    if other:
        message = f"The same file as {other.path}, which lies in another class."
        problems.append(Problem("conflict", image.path, message))
    return problems


def compute_min_class_size(made_splits: Sequence[Split]) -> int:
    """Images that a class needs at least: one for train and one for each part made from it."""
    return 1 + len(made_splits)


def assign_splits(
    images: Sequence[DecodedImage], made_splits: Sequence[Split], seed: int
) -> tuple[list[Split], list[Problem]]:
    """Give each image its split: the given one, or by seed for the parts that are missing.

    The parts are stratified by class and hold at least one image of each class. Exact copies
    stay together, even in two classes. The result depends on the contents of the files and the
    seed, not on their names or order.

    Args:
        images: Without leaks; each class has `compute_min_class_size(made_splits)` in train.
        made_splits: The parts to take from train; empty if all are given.
        seed: Of the shuffling.

    Returns:
        The split of each image, and problems to report.
    """
    splits: list[Split] = [image.split or "train" for image in images]
    problems: list[Problem] = []
    if not made_splits:
        return splits, problems
    classes: dict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        if splits[index] == "train":
            classes[image.class_name].append(index)
    decided: dict[str, Split] = {}  # by digest, from the classes before
    for name, members in sorted(classes.items()):
        groups, known = _group_copies(images, members), decided
        if len(groups) < compute_min_class_size(made_splits):
            message = "The class has too few different images: copies stand in several parts."
            problems.append(Problem("identical", name, message))
            groups, known = [[index] for index in members], {}
        random.Random(f"{seed} {name}").shuffle(groups)
        for group, split in _distribute_groups(
            groups, made_splits, [known.get(images[g[0]].digest) for g in groups]
        ):
            decided[images[group[0]].digest] = split
            for index in group:
                splits[index] = split
    return splits, problems


def _group_copies(images: Sequence[DecodedImage], members: list[int]) -> list[list[int]]:
    """Group the positions of equal files, in the order of their digests."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index in members:
        groups[images[index].digest].append(index)
    return [groups[digest] for digest in sorted(groups)]


def _distribute_groups(
    groups: list[list[int]], made_splits: Sequence[Split], known_splits: list[Split | None]
) -> Iterator[tuple[list[int], Split]]:
    """Fill the parts to make with groups of one class; the rest stays in train."""
    target = max(1, round(HELD_OUT_FRACTION * sum(map(len, groups))))  # images for each part
    filled: Counter[Split] = Counter()
    free = []
    for group, split in zip(groups, known_splits, strict=True):
        if split is None:
            free.append(group)
        else:
            filled[split] += len(group)
            yield group, split
    parts = [*made_splits, "train"]
    for number, part in enumerate(made_splits, start=1):
        # Each part after this one needs a group too.
        reserve = sum(not filled[later] for later in parts[number:])
        while filled[part] < target and len(free) > reserve:
            group = free.pop()
            filled[part] += len(group)
            yield group, part
    for group in free:
        yield group, "train"
