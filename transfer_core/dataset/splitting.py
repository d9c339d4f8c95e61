"""Splits: remove leaks, and make missing parts by seed, stratified by class."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from transfer_core.dataset.archive import Problem
from transfer_core.dataset.recordings import find_burst
from transfer_core.dataset.types import SPLITS, Split
from transfer_core.errors import DataSetError
from transfer_core.images import ImageInfo
from transfer_core.languages import _

HELD_OUT_FRACTION = 0.2  # of the training images, for each of validation and test


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image that can be decoded, before its split is final."""

    path: str
    class_name: str
    split: Split | None  # as given
    digest: str  # SHA-256 of the file as it came; copies are told and splits are made by it
    offset: int  # bytes, in the pack
    length: int  # bytes
    info: ImageInfo
    kept_digest: str  # SHA-256 of what is kept of the file


def join_copies(images: Sequence[DecodedImage]) -> Sequence[DecodedImage]:
    """Give files of which the same is kept the same digest: copies with other metadata."""
    changed = {image.kept_digest for image in images if image.kept_digest != image.digest}
    if not changed:
        return images
    smallest: dict[str, str] = {}
    for image in images:
        if image.kept_digest in changed:
            known = smallest.get(image.kept_digest, image.digest)
            smallest[image.kept_digest] = min(known, image.digest)
    return [replace(i, digest=smallest.get(i.kept_digest, i.digest)) for i in images]


def remove_split_leaks(images: Sequence[DecodedImage]) -> tuple[list[DecodedImage], list[Problem]]:
    """Remove from train the copies of validation and test images, from validation those of test.

    Other exact copies stay. All copies are reported as problems.

    Args:
        images: In the order of their paths.
    """
    # Sorted, since a dictionary of a million digests would be larger than the images' records.
    repeated = {a for a, b in pairwise(sorted(i.digest for i in images)) if a == b}
    firsts: dict[str, _FirstCopies] = {digest: _FirstCopies() for digest in repeated}
    for image in images:
        if image.digest in repeated:
            firsts[image.digest].note(image)
    remaining, problems = [], []
    for image in images:
        if image.digest not in repeated:
            remaining.append(image)
            continue
        first = firsts[image.digest]
        leak = first.find_later(image)
        if leak is None:
            remaining.append(image)
        problems += _report_copies(image, first, leak)
    return remaining, problems


class _FirstCopies:
    """The first copies of one image: a file may be there a hundred thousand times."""

    def __init__(self) -> None:
        self.of_split: dict[Split | None, DecodedImage] = {}
        self.of_class: dict[str, DecodedImage] = {}  # of the first two classes

    def note(self, image: DecodedImage) -> None:
        """Take notice of the next copy."""
        self.of_split.setdefault(image.split, image)
        if len(self.of_class) < 2:
            self.of_class.setdefault(image.class_name, image)

    def find_later(self, image: DecodedImage) -> DecodedImage | None:
        """The first copy in the last split, if that comes after the image's own."""
        last = max(self.of_split.values(), key=lambda other: _get_split_rank(other.split))
        return last if _get_split_rank(last.split) > _get_split_rank(image.split) else None

    def find_in_other_class(self, image: DecodedImage) -> DecodedImage | None:
        """The first copy in another class, if there is one."""
        others = (o for name, o in self.of_class.items() if name != image.class_name)
        return next(others, None)


def _get_split_rank(split: Split | None) -> int:
    return SPLITS.index(split or "train")


def _report_copies(
    image: DecodedImage, firsts: _FirstCopies, leak: DecodedImage | None
) -> list[Problem]:
    problems = []
    if leak:
        message = (
            f"The same file as {leak.path}: a leak between {image.split} and {leak.split}. "
            f"This copy was left out of {image.split}."
        )
        problems.append(Problem("leak", image.path, message))
    first = firsts.of_split[image.split]
    if image is not first and not leak:
        message = f"The same file as {first.path}; both stay in the same part of the split."
        problems.append(Problem("duplicate", image.path, message))
    if other := firsts.find_in_other_class(image):
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
    stay together, even in two classes, and so do the frames of a burst (see `find_burst`). The
    result depends on the contents of the files, the bursts and the seed, not on other names or
    the order.

    Args:
        images: Without leaks; each class has `compute_min_class_size(made_splits)` in train.
        made_splits: The parts to take from train; empty if all are given.
        seed: Of the shuffling.

    Returns:
        The split of each image, and problems to report.

    Raises:
        DataSetError: If a class has too few bursts to give each part one.
    """
    splits: list[Split] = [image.split or "train" for image in images]
    problems: list[Problem] = []
    if not made_splits:
        return splits, problems
    classes: dict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        if splits[index] == "train":
            classes[image.class_name].append(index)
    decided: dict[str, Split] = {}  # by group, from the classes before
    group_of, needed = _find_groups(images), compute_min_class_size(made_splits)
    for name, members in sorted(classes.items()):
        groups, known = _gather_groups(group_of, members), decided
        has_bursts = any(find_burst(images[index].path) for index in members)
        if len(groups) < needed:
            if has_bursts:
                raise _make_too_few_bursts_error(name, len(groups), needed)
            message = "The class has too few different images: copies stand in several parts."
            problems.append(Problem("identical", name, message))
            groups, known = [[index] for index in members], {}
        random.Random(f"{seed} {name}").shuffle(groups)
        known_splits = [known.get(group_of[group[0]]) for group in groups]
        for group, split in _distribute_groups(groups, made_splits, known_splits, has_bursts):
            decided[group_of[group[0]]] = split
            for index in group:
                splits[index] = split
    return splits, problems


def _find_groups(images: Sequence[DecodedImage]) -> list[str]:
    """The group of each image, equal for exact copies and for the frames of a burst.

    A group has the name of its smallest digest, so that it does not depend on paths.
    """
    root: dict[str, str] = {}  # of the digests in bursts; joined ones lead to their smallest

    def find_root(digest: str) -> str:
        while root.setdefault(digest, digest) != digest:
            root[digest] = root[root[digest]]  # a shorter way for the next call
            digest = root[digest]
        return digest

    first_of: dict[str, str] = {}  # digest of each burst's first frame
    for image in images:
        burst = find_burst(image.path)
        if burst is not None:
            first = first_of.setdefault(burst, image.digest)
            ends = find_root(first), find_root(image.digest)
            root[max(ends)] = min(ends)
    return [find_root(i.digest) if i.digest in root else i.digest for i in images]


def _gather_groups(group_of: list[str], members: list[int]) -> list[list[int]]:
    """The positions in each group of a class, in the order of the groups' names."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index in members:
        groups[group_of[index]].append(index)
    return [groups[name] for name in sorted(groups)]


def _make_too_few_bursts_error(name: str, found: int, needed: int) -> DataSetError:
    return DataSetError(
        _("The frames of {name} come from too few recordings to make a test of them.", name=name),
        found=_(
            "{found}, where {needed} are needed, one for each part of the split",
            found=found,
            needed=needed,
        ),
        remedy=_("Record the class more often."),
    )


def _distribute_groups(
    groups: list[list[int]],
    made_splits: Sequence[Split],
    known_splits: list[Split | None],
    has_bursts: bool,
) -> Iterator[tuple[list[int], Split]]:
    """Fill the parts to make with groups of one class; the rest stays in train.

    Bursts are large, so those that fit into a part are taken first.
    """
    target = max(1, round(HELD_OUT_FRACTION * sum(map(len, groups))))  # images for each part
    filled: Counter[Split] = Counter()
    free = []
    for group, split in zip(groups, known_splits, strict=True):
        if split is None:
            free.append(group)
        else:
            filled[split] += len(group)
            yield group, split
    by_size: dict[int, list[int]] = defaultdict(list)  # positions of the free groups
    for position, group in enumerate(free):
        by_size[len(group)].append(position)
    parts, left = [*made_splits, "train"], len(free)
    for number, part in enumerate(made_splits, start=1):
        # Each part after this one needs a group too.
        reserve = sum(not filled[later] for later in parts[number:])
        while filled[part] < target and left > reserve:
            room = target - filled[part] if has_bursts else math.inf
            group = free[_take_fitting_group(by_size, room)]
            filled[part], left = filled[part] + len(group), left - 1
            yield group, part
    for positions in by_size.values():
        for position in positions:
            yield free[position], "train"


def _take_fitting_group(by_size: dict[int, list[int]], room: float) -> int:
    """Take the last group of at most `room` images, or of the smallest size there is."""
    limit = max(room, min(by_size))
    size = max((s for s in by_size if s <= limit), key=lambda s: by_size[s][-1])
    position = by_size[size].pop()
    if not by_size[size]:
        del by_size[size]
    return position
