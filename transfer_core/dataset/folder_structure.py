"""Recognise wrapper folders and split folders from their paths alone."""

import re
from dataclasses import dataclass

from transfer_core.dataset.types import SPLITS, Split

_SPLIT_ALIASES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "trainval": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "validate": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "eval": "test",
    "evaluation": "test",
    "holdout": "test",
}
# Also "01_Train-Set", "val images" or "test2017": numbers and a word for "set" may be added.
_SPLIT_NAME_PATTERN = re.compile(
    r"[\d\s_.-]*([a-z]+?)[\s_.-]*(?:set|data|images|imgs|split)?[\d\s_.-]*"
)


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """A folder that holds images."""

    folder: str  # its path in the archive
    parts: tuple[str, ...]  # folders below wrapper and split, and a last one for the images
    split: Split | None = None

    @property
    def class_folder(self) -> str | None:
        """The folder that names the class."""
        return self.parts[0] if len(self.parts) > 1 else None


def parse_split_name(folder: str) -> Split | None:
    """The split that a folder's name stands for, if any."""
    match = _SPLIT_NAME_PATTERN.fullmatch(folder.strip().casefold())
    return _SPLIT_ALIASES.get(match[1]) if match else None


def strip_wrappers(image_folders: list[ImageFolder]) -> tuple[list[ImageFolder], str | None]:
    """Remove the folders around all class or split folders; returns their path too."""
    wrapper: list[str] = []
    while True:
        tops = {p.parts[0] for p in image_folders if len(p.parts) > 1}
        inner = [ImageFolder(p.folder, p.parts[1:]) for p in image_folders if len(p.parts) > 1]
        if not tops or not any(p.class_folder for p in inner):
            break
        if len(tops) > 1 and not _are_download_parts(inner, image_folders, tops):
            break
        if parse_split_name(min(tops)) == "train" and not _find_split_folders(inner):
            break
        # Images beside the wrapper keep their short path, so they are reported as without class.
        image_folders = [p for p in image_folders if len(p.parts) == 1] + inner
        wrapper.append(" and ".join(sorted(tops)))
    return image_folders, "/".join(wrapper) or None


def _are_download_parts(
    inner: list[ImageFolder], image_folders: list[ImageFolder], tops: set[str]
) -> bool:
    """Whether all top folders hold the same classes, as the parts of a large download do."""
    if any(parse_split_name(top) for top in tops) or not all(p.class_folder for p in inner):
        return False
    classes: dict[str, set[str]] = {top: set() for top in tops}
    for p in image_folders:
        if len(p.parts) > 2:
            classes[p.parts[0]].add(p.parts[1])
    first, *rest = classes.values()
    return len(first) > 1 and all(names == first for names in rest)


def _find_split_folders(image_folders: list[ImageFolder]) -> dict[str, Split]:
    """The split of each top folder that has a split's name and holds class folders."""
    deep = {p.parts[0] for p in image_folders if len(p.parts) > 2}
    named = {top: parse_split_name(top) for top in deep}
    return {top: split for top, split in named.items() if split}


def detect_splits(image_folders: list[ImageFolder]) -> tuple[list[ImageFolder], list[ImageFolder]]:
    """Read the split from folders named train, validation and test, if there are any.

    Returns:
        The folders inside split folders, and those beside them.
    """
    folders = _find_split_folders(image_folders)
    if "train" not in folders.values():
        return image_folders, []
    placed, beside = [], []
    for p in image_folders:
        split = folders.get(p.parts[0]) if len(p.parts) > 1 else None
        if split:
            placed.append(ImageFolder(p.folder, p.parts[1:], split))
        else:
            beside.append(p)
    return _strip_inner_wrappers(placed), beside


def lacks_train(image_folders: list[ImageFolder]) -> bool:
    """Whether all top folders are splits, but none of them is train."""
    folders = _find_split_folders(image_folders)
    tops = {p.parts[0] for p in image_folders if len(p.parts) > 1}
    return len(folders) > 1 and tops == set(folders) and "train" not in folders.values()


def _strip_inner_wrappers(image_folders: list[ImageFolder]) -> list[ImageFolder]:
    """Remove a wrapper folder inside one split only, such as train/train/cats."""
    result = []
    for split in SPLITS:
        inside = [p for p in image_folders if p.split == split]
        elsewhere = {p.class_folder for p in image_folders if p.split != split}
        tops = {p.class_folder for p in inside if p.class_folder}
        # A folder that exists in other splits too is a class, even if it is the only one here.
        while len(tops) == 1 and not tops & elsewhere and any(len(p.parts) > 2 for p in inside):
            inside = [ImageFolder(p.folder, p.parts[1:] or p.parts, split) for p in inside]
            tops = {p.class_folder for p in inside if p.class_folder}
        result += inside
    return sorted(result, key=lambda p: p.folder + "/")  # in the order of the image paths
