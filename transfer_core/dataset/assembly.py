"""Put decoded images together to a data set: classes, splits, problems, id."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import chain

from transfer_core.dataset import wording
from transfer_core.dataset.archive import Problem, Source
from transfer_core.dataset.json_text import listed
from transfer_core.dataset.layout import Layout, folder_counts, layout_error
from transfer_core.dataset.splitting import Usable, assign, needed, without_leaks
from transfer_core.dataset.types import SPLITS, DataSet, ImageRecord, Reading, Split
from transfer_core.errors import DataSetError

VERSION = 1  # part of every id; changes when the same archive would be read otherwise
UNBALANCED = 5  # times as many images in the largest class as in the smallest


@dataclass(frozen=True, slots=True)
class Material:
    """What came out of the archive."""

    source: Source
    layout: Layout
    images: Sequence[Usable]  # in the order of their paths
    unreadable: Sequence[Problem]


def assemble(material: Material, name: str, seed: int) -> DataSet:
    """Make the data set.

    Raises:
        DataSetError: If no image can be used, or a class has fewer images than
            its split needs.
    """
    if not material.images:
        raise _nothing_readable(material)
    images, findings = without_leaks(material.images)
    # A part that was given, but only with copies of what is in later ones, is made too.
    given = {image.split for image in images} & set(material.layout.given)
    made = tuple(split for split in SPLITS if split != "train" and split not in given)
    _check_class_sizes(images, made, material)
    splits, more = assign(images, made, seed)
    classes = tuple(sorted({image.class_name for image in images}))
    records = _records(images, splits, classes)
    problems = (
        *material.unreadable,
        *material.source.problems,
        *material.layout.problems,
        *findings,
        *more,
        *_animated(images),
        *unbalanced(records, classes),
    )
    reading = _reading(material, classes, given, made, seed, images, problems)
    data_id = content_id(classes, records, problems, reading)
    return DataSet(data_id, name, classes, records, problems, reading)


def _records(
    images: Sequence[Usable], splits: Sequence[Split], classes: tuple[str, ...]
) -> tuple[ImageRecord, ...]:
    label = {name: number for number, name in enumerate(classes)}
    return tuple(
        ImageRecord(
            path=image.path,
            label=label[image.class_name],
            split=split,
            digest=image.digest,
            offset=image.offset,
            length=image.length,
            width=image.facts.width,
            height=image.facts.height,
        )
        for image, split in zip(images, splits, strict=True)
    )


def _reading(material: Material, classes, given, made, seed, images, problems) -> Reading:
    layout, kinds = material.layout, Counter(problem.kind for problem in problems)
    return Reading(
        archive=material.source.name,
        classes=len(classes),
        wrapper=layout.wrapper,
        given_splits=tuple(split for split in layout.given if split in given),
        made_splits=made if given else SPLITS,
        seed=seed,
        junk=material.source.junk,
        unreadable=len(material.unreadable),
        not_images=layout.not_images,
        duplicates=kinds["duplicate"] + kinds["leak"],
        formats=dict(Counter(image.facts.format for image in images).most_common()),
        folders=tuple(sorted(folder_counts([image.path for image in images]).items())),
    )


def _check_class_sizes(images: Sequence[Usable], made: tuple[Split, ...], material) -> None:
    """Each class needs an image in train, and one more for each part that is taken from it."""
    usable = Counter(image.class_name for image in images if image.split in (None, "train"))
    least = needed(made)
    classes = sorted({name for name, _ in material.layout.places.values()})
    lacking = [f"{name} ({usable[name]})" for name in classes if usable[name] < least]
    if not lacking:
        return
    shown = ", ".join(lacking[:10]) + (", ..." if len(lacking) > 10 else "")
    raise layout_error(
        f"Too few usable training images in {wording.counted(len(lacking), 'class', 'classes')}: "
        f"{shown}. Each class needs at least {least}"
        + (f", one for each of train, {wording.joined(made)}." if made else "."),
        material.source,
        "Add images to these folders or remove the folders."
        + _reasons(material.unreadable, " Some images could not be read: "),
    )


def _nothing_readable(material: Material) -> DataSetError:
    count = wording.counted(len(material.unreadable), "image")
    return DataSetError(
        "None of the images can be read.",
        found=f"{count} set aside{_reasons(material.unreadable, ': ')}",
        remedy="Save the images again as JPEG or PNG.",
    )


def _reasons(problems: Sequence[Problem], before: str) -> str:
    shown = "; ".join(f"{p.path}: {p.message}" for p in problems[:3])
    more = f"; and {len(problems) - 3:,} more" if len(problems) > 3 else ""
    return f"{before}{shown}{more}" if problems else ""


def _animated(images: Sequence[Usable]) -> list[Problem]:
    message = "It holds several pictures; only the first is used."
    return [Problem("animated", i.path, message) for i in images if i.facts.frames]


def unbalanced(records: Sequence[ImageRecord], classes: tuple[str, ...]) -> list[Problem]:
    """What there is to tell if the classes have very different numbers of training images."""
    counts = Counter(record.label for record in records if record.split == "train")
    (most, largest), (least, smallest) = counts.most_common()[0], counts.most_common()[-1]
    if largest < UNBALANCED * smallest:
        return []
    message = (
        f"The classes are unbalanced: {classes[most]} has {largest:,} training images, "
        f"{classes[least]} {smallest:,}. Accuracy alone would mislead; look at each class."
    )
    return [Problem("unbalanced", "", message)]


def content_id(
    classes: tuple[str, ...],
    records: Sequence[ImageRecord],
    problems: Sequence[Problem],
    reading: Reading,
) -> str:
    """From everything that matters for a result; not from the name of the archive."""
    images = ((r.path, r.label, r.split, r.digest) for r in records)
    noticed = (astuple(problem) for problem in problems)
    content = chain((VERSION, reading.seed, classes), images, noticed, (reading.junk,))
    digest = hashlib.sha256()
    for piece in listed(content):
        digest.update(piece.encode())
    return digest.hexdigest()[:20]
