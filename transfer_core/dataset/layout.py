"""Read class and split of each image from its folders."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from transfer_core.dataset import wording
from transfer_core.dataset.archive import Archive, Member, Problem
from transfer_core.dataset.archive.entry_paths import get_extension, remove_invisible
from transfer_core.dataset.folder_structure import (
    ImageFolder,
    detect_splits,
    lacks_train,
    strip_wrappers,
)
from transfer_core.dataset.types import SPLITS, Split
from transfer_core.errors import DataSetError
from transfer_core.images import IMAGE_EXTENSIONS
from transfer_core.languages import _

MAX_CLASSES = 1000
MAX_SPELLINGS_TOLD = 10  # of one class


@dataclass(frozen=True, slots=True)
class Layout:
    """Class and given split of each image of an archive."""

    images: tuple[Member, ...]  # in the order of their paths
    folder_labels: dict[str, tuple[str, Split | None]]  # class name and given split of each folder
    wrapper: str | None
    given_splits: tuple[Split, ...]
    not_images: int
    problems: tuple[Problem, ...] = field(default=())

    def get_class_and_split(self, image: Member) -> tuple[str, Split | None]:
        """Class name and given split of an image."""
        return self.folder_labels[_get_folder(image.path)]


def read_layout(archive: Archive) -> Layout:
    """Read class and split of every image of an archive from its path.

    Raises:
        DataSetError: If there are no images, no class folders, fewer than two
            classes or more than 1,000; the message shows the folders found.
    """
    images = sorted((m for m in archive.members if is_image(m)), key=lambda m: m.path)
    others = [m for m in archive.members if not is_image(m)]
    if not images:
        raise _make_no_images_error(archive)
    # All images of a folder belong together, and there are far fewer folders than images.
    placed, wrapper = strip_wrappers(_list_image_folders(images))
    if lacks_train(placed):
        remedy = "Name the folder with the images to learn from train."
        raise make_layout_error("There is no train folder.", archive, remedy)
    placed, beside = detect_splits(placed)
    outside = {p.folder for p in beside}
    outside |= {p.folder for p in placed if p.class_folder is None}
    problems = _find_outside_classes([m for m in images if _get_folder(m.path) in outside])
    placed = [p for p in placed if p.class_folder is not None]
    given = tuple(s for s in SPLITS if any(p.split == s for p in placed))
    named, class_problems = _resolve_class_names(placed, given)
    _check_classes({name for name, _ in named.values()}, archive)
    problems += [Problem("not-an-image", m.path, _describe_non_image(m)) for m in others]
    problems += class_problems + _find_empty_folders(archive.folders, archive.members)
    inside = tuple(m for m in images if _get_folder(m.path) in named)
    return Layout(inside, named, wrapper, given, len(others), tuple(problems))


def is_image(member: Member) -> bool:
    """Whether the file extension is that of a supported format, in upper or lower case."""
    return get_extension(member.path.rpartition("/")[2]) in IMAGE_EXTENSIONS


def count_per_folder(paths: Sequence[str]) -> dict[str, int]:
    """Number of files directly in each folder, by the folder's path."""
    return dict(Counter(map(_get_folder, paths)))


def make_layout_error(problem: str, archive: Archive, remedy: str) -> DataSetError:
    """An error that shows the folders of the archive and the expected folders."""
    counts = count_per_folder([m.path for m in archive.members if is_image(m)])
    found = wording.draw_tree(archive.name, counts)
    return DataSetError(
        problem,
        found=found,
        remedy=_(
            "{remedy} Expected:\n{layout}",
            remedy=remedy,
            layout=_(wording.EXPECTED_LAYOUT),
        ),
    )


def _get_folder(path: str) -> str:
    return path.rpartition("/")[0]


def _list_image_folders(images: list[Member]) -> list[ImageFolder]:
    """The folders that hold images, in the order of the images."""
    folders = dict.fromkeys(_get_folder(m.path) for m in images)
    return [ImageFolder(f, (*f.split("/"), "images") if f else ("images",)) for f in folders]


def _find_outside_classes(images: list[Member]) -> list[Problem]:
    message = "Left out: it does not lie in a class folder."
    return [Problem("no-class", m.path, message) for m in images]


def _resolve_class_names(
    image_folders: list[ImageFolder], given_splits: tuple[Split, ...]
) -> tuple[dict[str, tuple[str, Split | None]], list[Problem]]:
    """Merge class names that differ in case only; leave out classes without training images.

    Returns:
        Class name and split of each remaining folder, and problems to report.
    """
    variants: dict[str, dict[str, None]] = {}
    for p in image_folders:
        variants.setdefault(_make_class_key(p.class_folder), {})[p.class_folder] = None
    spellings = {key: tuple(names) for key, names in variants.items()}
    problems = [
        Problem("class-spelling", names[0], f"{_name_some(names)} are read as one class.")
        for names in spellings.values()
        if len(names) > 1
    ]
    trained = {_make_class_key(p.class_folder) for p in image_folders if p.split in (None, "train")}
    for key, names in spellings.items():
        if key not in trained:
            message = "The class is left out: it has no training images."
            problems.append(Problem("class-without-training", names[0], message))
    named = {
        p.folder: (normalise_class_name(spellings[key][0]), p.split)
        for p in image_folders
        if (key := _make_class_key(p.class_folder)) in trained
    }
    return named, problems + _find_missing_classes(set(named.values()), given_splits)


def _name_some(names: tuple[str, ...]) -> str:
    more = len(names) - MAX_SPELLINGS_TOLD
    if more <= 0:
        return wording.join_words(names)
    return wording.join_words((*names[:MAX_SPELLINGS_TOLD], f"{more:,} more"))


def normalise_class_name(folder: str) -> str:
    """The name of a class as it is shown; it is never used as a path."""
    name = unicodedata.normalize("NFC", folder).strip()
    return name if remove_invisible(name) else "unnamed"


def _make_class_key(folder: str) -> str:
    return normalise_class_name(remove_invisible(folder)).casefold()


def _find_missing_classes(
    present: set[tuple[str, Split | None]], given_splits: tuple[Split, ...]
) -> list[Problem]:
    classes = sorted({name for name, _ in present})
    return [
        Problem("missing-in-split", name, f"The class has no {split} images.")
        for split in given_splits
        for name in classes
        if (name, split) not in present
    ]


def _find_empty_folders(folders: tuple[str, ...], members: tuple[Member, ...]) -> list[Problem]:
    folders_with_files = {_get_folder(m.path) for m in members}
    filled = {above for folder in folders_with_files for above in _iter_ancestors(folder)}
    message = "The folder is empty."
    return [
        Problem("empty-folder", folder, message)
        for folder in sorted(set(folders) - filled)
        # Report only the outermost of nested empty folders.
        if _get_folder(folder) in filled or "/" not in folder
    ]


def _iter_ancestors(folder: str) -> Iterator[str]:
    """A folder and all folders around it."""
    while folder:
        yield folder
        folder = _get_folder(folder)


def _check_classes(classes: set[str], archive: Archive) -> None:
    if not classes:
        raise make_layout_error(
            _("The images do not lie in class folders."),
            archive,
            _("Make one folder for each class."),
        )
    if len(classes) == 1:
        raise make_layout_error(
            _(
                "There is only one class, {name}; there must be at least two to tell apart.",
                name=min(classes),
            ),
            archive,
            _("Add a folder with images of another class."),
        )
    if len(classes) > MAX_CLASSES:
        raise DataSetError(
            _("There are too many classes."),
            found=_("{classes:,} class folders", classes=len(classes)),
            remedy=_(
                "At most {limit:,} classes are supported; leave some out.",
                limit=MAX_CLASSES,
            ),
        )


def _make_no_images_error(archive: Archive) -> DataSetError:
    remedy = "Add images (JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF) in class folders."
    if any(problem.kind == "nested-archive" for problem in archive.problems):
        remedy = "The images seem to be in an archive inside this one: unpack that first. " + remedy
    others = wording.format_count(len(archive.members), "file")
    error = make_layout_error("There are no images in the archive.", archive, remedy)
    found = f"{others} of other kinds and {archive.junk:,} hidden or system files in {archive.name}"
    return DataSetError(error.problem, found=found, remedy=error.remedy)


def _describe_non_image(member: Member) -> str:
    kind = get_extension(member.path.rpartition("/")[2])
    what = f"{kind.upper()} files are" if kind else "a file without an ending is"
    return f"Left out: {what} not read as images. If it is one, convert it to JPEG or PNG."
