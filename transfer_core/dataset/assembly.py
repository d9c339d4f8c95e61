"""Make a data set from decoded images: classes, splits, problems and id."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import chain

from transfer_core.dataset import wording
from transfer_core.dataset.archive import Archive, Problem
from transfer_core.dataset.layout import Layout, count_per_folder, make_layout_error
from transfer_core.dataset.recordings import find_shared_recordings
from transfer_core.dataset.splitting import (
    DecodedImage,
    assign_splits,
    compute_min_class_size,
    join_copies,
    remove_split_leaks,
)
from transfer_core.dataset.types import (
    SPLITS,
    DataSet,
    ImageRecord,
    ImportSummary,
    Split,
    encode_list,
)
from transfer_core.errors import DataSetError
from transfer_core.languages import _, ngettext

IMPORT_VERSION = 1  # part of every id; raise it when the same archive would be read differently
MIN_IMBALANCE_RATIO = 5  # times as many images in the largest class as in the smallest


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """Everything that was read from an archive."""

    source: Archive
    layout: Layout
    images: Sequence[DecodedImage]  # in the order of their paths
    unreadable: Sequence[Problem]


def assemble(contents: ArchiveContents, name: str, seed: int) -> DataSet:
    """Remove leaks, make the missing splits and collect the problems.

    Raises:
        DataSetError: If no image can be used, or a class has fewer images than
            its split needs.
    """
    if not contents.images:
        raise _make_no_readable_images_error(contents)
    images, copy_problems = remove_split_leaks(join_copies(contents.images))
    # A given part may be empty now: all of its images were copies of images in later parts.
    given = {image.split for image in images} & set(contents.layout.given_splits)
    made = tuple(split for split in SPLITS if split != "train" and split not in given)
    _check_class_sizes(images, made, contents)
    splits, split_problems = assign_splits(images, made, seed)
    classes = tuple(sorted({image.class_name for image in images}))
    records = _build_records(images, splits, classes)
    problems = (
        *contents.unreadable,
        *contents.source.problems,
        *contents.layout.problems,
        *copy_problems,
        *split_problems,
        *_find_animated(images),
        *find_shared_recordings((image.path, image.class_name) for image in images),
        *find_class_imbalance(records, classes),
    )
    summary = _build_import_summary(contents, classes, given, made, seed, images, problems)
    data_id = compute_content_id(classes, records, problems, summary)
    return DataSet(data_id, name, classes, records, problems, summary)


def _build_records(
    images: Sequence[DecodedImage], splits: Sequence[Split], classes: tuple[str, ...]
) -> tuple[ImageRecord, ...]:
    label = {name: number for number, name in enumerate(classes)}
    return tuple(
        ImageRecord(
            path=image.path,
            label=label[image.class_name],
            split=split,
            digest=image.kept_digest,
            offset=image.offset,
            length=image.length,
            width=image.info.width,
            height=image.info.height,
        )
        for image, split in zip(images, splits, strict=True)
    )


def _build_import_summary(
    contents: ArchiveContents, classes, given_splits, made_splits, seed, images, problems
) -> ImportSummary:
    layout, kinds = contents.layout, Counter(problem.kind for problem in problems)
    return ImportSummary(
        archive=contents.source.name,
        classes=len(classes),
        wrapper=layout.wrapper,
        given_splits=tuple(split for split in layout.given_splits if split in given_splits),
        made_splits=made_splits if given_splits else SPLITS,
        seed=seed,
        junk=contents.source.junk,
        unreadable=len(contents.unreadable),
        not_images=layout.not_images,
        duplicates=kinds["duplicate"] + kinds["leak"],
        formats=dict(Counter(image.info.format for image in images).most_common()),
        folders=tuple(sorted(count_per_folder([image.path for image in images]).items())),
        is_clean=True,
    )


def _check_class_sizes(
    images: Sequence[DecodedImage], made_splits: tuple[Split, ...], contents
) -> None:
    """Check that each class has an image for train and one for each part taken from train."""
    usable = Counter(image.class_name for image in images if image.split in (None, "train"))
    min_images = compute_min_class_size(made_splits)
    classes = sorted({name for name, _ in contents.layout.folder_labels.values()})
    lacking = [f"{name} ({usable[name]})" for name in classes if usable[name] < min_images]
    if not lacking:
        return
    shown = ", ".join(lacking[:10]) + (", ..." if len(lacking) > 10 else "")
    parts = wording.join_words(tuple(_(split) for split in made_splits), _(" and "))
    needs = _("{n}, one for each of train, {parts}", n=min_images, parts=parts)
    needs = needs if made_splits else f"{min_images}"
    raise make_layout_error(
        ngettext(
            "Too few usable training images in {n:,} class: {classes}. Each class needs at least "
            "{needed}.",
            "Too few usable training images in {n:,} classes: {classes}. Each class needs at least "
            "{needed}.",
            len(lacking),
            classes=shown,
            needed=needs,
        ),
        contents.source,
        _("Add images to these folders or remove the folders.")
        + _format_reasons(contents.unreadable, " " + _("Some images could not be read:") + " "),
    )


def _make_no_readable_images_error(contents: ArchiveContents) -> DataSetError:
    count = len(contents.unreadable)
    images = ngettext("{n:,} image", "{n:,} images", count)
    return DataSetError(
        _("None of the images can be read."),
        found=_(
            "{images} set aside{reasons}",
            images=images,
            reasons=_format_reasons(contents.unreadable, ": "),
        ),
        remedy=_("Save the images again as JPEG or PNG."),
    )


def _format_reasons(problems: Sequence[Problem], prefix: str) -> str:
    shown = "; ".join(f"{p.path}: {p.message}" for p in problems[:3])
    more = f"; and {len(problems) - 3:,} more" if len(problems) > 3 else ""
    return f"{prefix}{shown}{more}" if problems else ""


def _find_animated(images: Sequence[DecodedImage]) -> list[Problem]:
    message = "It holds several pictures; only the first is used."
    return [Problem("animated", i.path, message) for i in images if i.info.frames]


def find_class_imbalance(records: Sequence[ImageRecord], classes: tuple[str, ...]) -> list[Problem]:
    """A problem if the classes have very different numbers of training images, else nothing."""
    counts = Counter(record.label for record in records if record.split == "train")
    return describe_class_imbalance(counts, classes)


def describe_class_imbalance(counts: Counter[int], classes: tuple[str, ...]) -> list[Problem]:
    """The same from the number of training images of each class that has some."""
    (largest_class, most), (smallest_class, least) = (
        counts.most_common()[0],
        counts.most_common()[-1],
    )
    if most < MIN_IMBALANCE_RATIO * least:
        return []
    message = (
        f"The classes are unbalanced: {classes[largest_class]} has {most:,} training images, "
        f"{classes[smallest_class]} {least:,}. Accuracy alone would mislead; look at each class."
    )
    return [Problem("unbalanced", "", message)]


def compute_content_id(
    classes: tuple[str, ...],
    records: Sequence[ImageRecord],
    problems: Sequence[Problem],
    import_summary: ImportSummary,
) -> str:
    """Hash everything that a result depends on; the name of the archive is left out."""
    images = ((r.path, r.label, r.split, r.digest) for r in records)
    problem_values = (astuple(problem) for problem in problems)
    content = chain(
        (IMPORT_VERSION, import_summary.seed, classes),
        images,
        problem_values,
        (import_summary.junk,),
    )
    digest = hashlib.sha256()
    for piece in encode_list(content):
        digest.update(piece.encode())
    return digest.hexdigest()[:20]
