"""Look through wrapper folders and recognise split folders, from their paths alone."""

import re
from dataclasses import dataclass

from transfer_core.dataset.types import SPLITS, Split

_SPLIT_WORDS: dict[str, Split] = {
    "train": "train", "training": "train", "trn": "train", "trainval": "train",
    "val": "validation", "valid": "validation", "validation": "validation",
    "validate": "validation", "dev": "validation",
    "test": "test", "testing": "test", "tst": "test", "eval": "test", "evaluation": "test",
    "holdout": "test",
}  # fmt: skip
# "01_Train-Set", "val images", "test2017": numbers and a word for "set" may be there too.
_SPLIT_NAME = re.compile(r"[\d\s_.-]*([a-z]+?)[\s_.-]*(?:set|data|images|imgs|split)?[\d\s_.-]*")


@dataclass(frozen=True, slots=True)
class Placed:
    """A folder of images with its place among the others."""

    folder: str  # its path in the archive
    parts: tuple[str, ...]  # below wrapper and split, and last a part that stands for its images
    split: Split | None = None

    @property
    def class_folder(self) -> str | None:
        """The folder that names the class."""
        return self.parts[0] if len(self.parts) > 1 else None


def split_named(folder: str) -> Split | None:
    """The split that a folder's name stands for, if any."""
    match = _SPLIT_NAME.fullmatch(folder.strip().casefold())
    return _SPLIT_WORDS.get(match[1]) if match else None


def without_wrapper(places: list[Placed]) -> tuple[list[Placed], str | None]:
    """Look through folders that stand around all class or split folders."""
    wrapper: list[str] = []
    while True:
        tops = {p.parts[0] for p in places if len(p.parts) > 1}
        inner = [Placed(p.folder, p.parts[1:]) for p in places if len(p.parts) > 1]
        if not tops or not any(p.class_folder for p in inner):
            break
        if len(tops) > 1 and not _are_parts(inner, places, tops):
            break
        if split_named(min(tops)) == "train" and not _split_folders(inner):
            break
        # Images beside the wrapper keep their short path, and so are told to be in no class.
        places = [p for p in places if len(p.parts) == 1] + inner
        wrapper.append(" and ".join(sorted(tops)))
    return places, "/".join(wrapper) or None


def _are_parts(inner: list[Placed], places: list[Placed], tops: set[str]) -> bool:
    """Whether several top folders hold the same classes, as the parts of a download do."""
    if any(split_named(top) for top in tops) or not all(p.class_folder for p in inner):
        return False
    classes: dict[str, set[str]] = {top: set() for top in tops}
    for p in places:
        if len(p.parts) > 2:
            classes[p.parts[0]].add(p.parts[1])
    first, *rest = classes.values()
    return len(first) > 1 and all(names == first for names in rest)


def _split_folders(places: list[Placed]) -> dict[str, Split]:
    """Top folders that are named like a split and hold class folders."""
    deep = {p.parts[0] for p in places if len(p.parts) > 2}
    named = {top: split_named(top) for top in deep}
    return {top: split for top, split in named.items() if split}


def with_splits(places: list[Placed]) -> tuple[list[Placed], list[Placed]]:
    """Take the split from the folders train, validation and test, if they are there.

    Returns:
        The folders below the split folders, and those that lie beside them.
    """
    folders = _split_folders(places)
    if "train" not in folders.values():
        return places, []
    placed, beside = [], []
    for p in places:
        split = folders.get(p.parts[0]) if len(p.parts) > 1 else None
        if split:
            placed.append(Placed(p.folder, p.parts[1:], split))
        else:
            beside.append(p)
    return _without_inner_wrappers(placed), beside


def lacks_train(places: list[Placed]) -> bool:
    """Whether all folders are splits, but none of them is for training."""
    folders = _split_folders(places)
    tops = {p.parts[0] for p in places if len(p.parts) > 1}
    return len(folders) > 1 and tops == set(folders) and "train" not in folders.values()


def _without_inner_wrappers(places: list[Placed]) -> list[Placed]:
    """Look through a folder inside one split only, such as train/train/cats."""
    result = []
    for split in SPLITS:
        inside = [p for p in places if p.split == split]
        elsewhere = {p.class_folder for p in places if p.split != split}
        tops = {p.class_folder for p in inside if p.class_folder}
        # A folder that other splits have too is a class, even if it is the only one here.
        while len(tops) == 1 and not tops & elsewhere and any(len(p.parts) > 2 for p in inside):
            inside = [Placed(p.folder, p.parts[1:] or p.parts, split) for p in inside]
            tops = {p.class_folder for p in inside if p.class_folder}
        result += inside
    return sorted(result, key=lambda p: p.folder + "/")  # the order of the images' paths
