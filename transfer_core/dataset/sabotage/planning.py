"""Plan a flaw: which images it concerns, as changes that make a new version of a data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from transfer_core.dataset import store
from transfer_core.dataset.changes import Change
from transfer_core.dataset.sabotage.flaws import FLAW_KINDS, FlawKind, TamperedImage
from transfer_core.dataset.sabotage.pictures import make_near_copy, paint_background
from transfer_core.dataset.types import DataSet, Split
from transfer_core.errors import DataSetError
from transfer_core.languages import N_, _
from transfer_core.system import Progress, hash_bytes, ignore_progress

WRONG_SHARE = 0.15  # of each class's training images
LEAKED_SHARE = 0.5  # of each class's test images
IMBALANCE_RATIO = 10  # training images of the largest class to those of a thinned one
BACKGROUNDS = ((235, 120, 20), (30, 110, 235))  # orange, blue: as many classes take a shortcut


@dataclass(frozen=True, slots=True)
class FlawPlan:
    """The changes that put a flaw into a data set."""

    tampered: tuple[TamperedImage, ...]
    changes: tuple[Change, ...]
    added: Mapping[str, bytes] = field(default_factory=dict)  # files of added images, by path


def plan_flaw(
    home: Path,
    data_set: DataSet,
    kind: FlawKind,
    seed: int,
    progress: Progress = ignore_progress,
) -> FlawPlan:
    """Choose images and make the changes. Only training images are touched.

    Args:
        home: The data folder.
        data_set: The data set to spoil.
        kind: Which flaw.
        seed: Chooses the images and classes; the same seed plans the same.
        progress: Called while pictures are made, with what is done, images done and total.

    Raises:
        DataSetError: If the data set is too small for this flaw.
    """
    rng = np.random.default_rng([seed, FLAW_KINDS.index(kind)])
    match kind:
        case "labels":
            plan = _plan_wrong_labels(data_set, rng)
        case "leak":
            plan = _plan_leak(home, data_set, rng, progress)
        case "imbalance":
            plan = _plan_imbalance(data_set, rng)
        case "shortcut":
            plan = _plan_shortcut(home, data_set, rng, progress)
    if not plan.tampered:
        raise DataSetError(
            _("The data set is too small for this flaw."),
            found=_("{images:,} training images", images=len(data_set.indices("train"))),
            remedy=_("Choose another flaw, or bring in more images of each class."),
        )
    return plan


def _plan_wrong_labels(data_set: DataSet, rng: np.random.Generator) -> FlawPlan:
    """Give some training images of each class the label of another one."""
    tampered, changes, number = [], [], len(data_set.classes)
    for label, members in enumerate(_list_members(data_set, "train")):
        count = round(WRONG_SHARE * len(members))
        for index in rng.permutation(members)[:count].tolist():
            path, shift = data_set.records[index].path, int(rng.integers(1, number))
            tampered.append(TamperedImage(path, data_set.classes[label]))
            changes.append(Change("relabel", path, data_set.classes[(label + shift) % number]))
    return FlawPlan(tuple(tampered), tuple(changes))


def _plan_imbalance(data_set: DataSet, rng: np.random.Generator) -> FlawPlan:
    """Set aside most training images of half of the classes, never of the largest one."""
    members = _list_members(data_set, "train")
    largest = int(np.argmax([len(each) for each in members]))
    others = [label for label in range(len(members)) if label != largest]
    kept = max(1, len(members[largest]) // IMBALANCE_RATIO)
    tampered = [
        TamperedImage(data_set.records[index].path, data_set.classes[label])
        for label in sorted(rng.permutation(others)[: len(members) // 2].tolist())
        for index in rng.permutation(members[label])[kept:].tolist()
    ]
    return FlawPlan(tuple(tampered), tuple(Change("set aside", image.path) for image in tampered))


def _plan_leak(
    home: Path, data_set: DataSet, rng: np.random.Generator, progress: Progress
) -> FlawPlan:
    """Add copies of some test images of each class to the training images."""
    chosen = [
        index
        for members in _list_members(data_set, "test")
        for index in rng.permutation(members)[: max(1, round(LEAKED_SHARE * len(members)))].tolist()
    ]
    return _plan_made_pictures(
        home, data_set, {index: make_near_copy for index in chosen}, progress
    )


def _plan_shortcut(
    home: Path, data_set: DataSet, rng: np.random.Generator, progress: Progress
) -> FlawPlan:
    """Replace all training images of two classes by ones with a background of one colour."""
    members = _list_members(data_set, "train")
    labels = rng.permutation(len(members))[: len(BACKGROUNDS)].tolist()
    make = {
        index: lambda data, colour=colour: paint_background(data, colour)
        for label, colour in zip(labels, BACKGROUNDS, strict=False)
        for index in members[label].tolist()
    }
    plan = _plan_made_pictures(home, data_set, make, progress)
    aside = tuple(Change("set aside", image.original) for image in plan.tampered)
    return FlawPlan(plan.tampered, aside + plan.changes, plan.added)


def _plan_made_pictures(
    home: Path,
    data_set: DataSet,
    make: Mapping[int, Callable[[bytes], bytes]],
    progress: Progress,
) -> FlawPlan:
    """Add a picture that is made from each of these images, in its class and its folder."""
    tampered, changes, added = [], [], {}
    for done, (index, make_picture) in enumerate(make.items(), start=1):
        record = data_set.records[index]
        data = make_picture(store.read_image_bytes(home, data_set, index))
        folder, slash, _ = record.path.rpartition("/")
        path = f"{folder}{slash}{hash_bytes(data)[:12]}.jpg"
        if path in added:  # of two equal images
            continue
        class_name = data_set.classes[record.label]
        tampered.append(TamperedImage(path, class_name, record.path))
        changes.append(Change("add", path, class_name))
        added[path] = data
        progress(N_("Spoiling images"), done, len(make))
    return FlawPlan(tuple(tampered), tuple(changes), added)


def _list_members(data_set: DataSet, split: Split) -> list[np.ndarray]:
    """Indices of the images of each class in a part of the split, in path order."""
    indices, labels = data_set.indices(split), data_set.labels
    return [indices[labels[indices] == label] for label in range(len(data_set.classes))]
