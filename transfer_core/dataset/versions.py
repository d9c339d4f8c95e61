"""Versions: new data sets made from others by changes, with their history."""

import json
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from transfer_core.dataset import store
from transfer_core.dataset.archive import Problem
from transfer_core.dataset.assembly import compute_content_id, find_class_imbalance
from transfer_core.dataset.atomic_folder import (
    create_unfinished_folder,
    publish,
)
from transfer_core.dataset.changes import Change, apply_changes, make_added_path
from transfer_core.dataset.layout import count_per_folder
from transfer_core.dataset.types import DataSet, ImageRecord
from transfer_core.errors import DataSetError
from transfer_core.images import CleanImage, clean_image, clean_images
from transfer_core.languages import N_, _
from transfer_core.system import (
    UNFINISHED_SUFFIX,
    hash_bytes,
    require_space,
    translate_disk_errors,
)

_NUMBER_IN_NAME = re.compile(r", version \d+$")
VERSION_FILE = "version.json"  # beside what describes the data set


@dataclass(frozen=True, slots=True)
class Version:
    """A data set that was made from another, and the changes between them."""

    id: str
    parent: str  # id of the data set that was changed
    root: str  # id of the first ancestor, which was read from an archive
    made: float  # seconds since 1970
    changes: tuple[Change, ...]  # to the parent


def list_versions(home: Path, data_id: str) -> tuple[Version, ...]:
    """The versions that led to a data set, oldest first; none if it was read from an archive."""
    versions: list[Version] = []
    while (version := _load_version(home, data_id)) is not None:
        versions.insert(0, version)
        data_id = version.parent
    return tuple(versions)


def load_set_aside(home: Path, data_set: DataSet) -> tuple[ImageRecord, ...]:
    """The images that earlier versions set aside and that may be restored, in path order."""
    versions = list_versions(home, data_set.id)
    if not versions:
        return ()
    present, aside = {record.path for record in data_set.records}, {}
    missing = {c.path for v in versions for c in v.changes if c.action == "set aside"} - present
    for version in reversed(versions):  # the latest one has the image's last label
        if not missing:
            break
        for record in store.load(home, version.parent).records:
            if record.path in missing:
                aside[record.path] = record
                missing.remove(record.path)
    return tuple(aside[path] for path in sorted(aside))


def describe_test_edits(home: Path, data_set: DataSet) -> tuple[str, ...]:
    """A warning if test images were changed by hand, else nothing."""
    changes = [change for version in list_versions(home, data_set.id) for change in version.changes]
    if not changes:
        return ()
    paths = {change.path for change in changes}
    known = (*data_set.records, *load_set_aside(home, data_set))
    count = sum(record.split == "test" and record.path in paths for record in known)
    if not count:
        return ()
    return (
        _(
            "Test images that were relabelled, set aside or restored by hand: {count}. Where only "
            "a network's mistakes were looked at, that flatters its accuracy.",
            count=count,
        ),
    )


def make_addition(data: bytes, class_name: str) -> Change:
    """The change that adds an image file to the training images of a class.

    Raises:
        ImageError: If it cannot be used as an image.
    """
    return Change("add", make_added_path(data, clean_image(data).info), class_name)


def make_version(
    home: Path,
    parent: DataSet,
    changes: Sequence[Change],
    added: Mapping[str, bytes] | None = None,
    *,
    name: str | None = None,
    extra_files: Mapping[str, str] | None = None,
) -> DataSet:
    """Make a new data set from another one, and store its history.

    Every image keeps its part of the split; added images go to train. Only added images are
    copied. Undoing all changes leads back to the same data set with the same id.

    Args:
        home: The data folder.
        parent: The data set to change; it stays in the store as it is.
        changes: Applied one after the other.
        added: The file of each added image, by the path of its change.
        name: Of the version; None is the parent's, with the number of the version.
        extra_files: Texts to store beside the version, by file name.

    Raises:
        DataSetError: If the images lie in shards, a change does not fit, a class would lose its
            last image in a part of the split, or an added image is in the data set already.
        ImageError: If an added file cannot be used as an image.
    """
    if parent.shards:
        raise DataSetError(
            _("Images in shards are not changed here."),
            found=parent.name,
            remedy=_("Change the folder that they came from, and write it to new shards."),
        )
    aside, files = load_set_aside(home, parent), added or {}
    added = dict(zip(files, clean_images(tuple(files.values())), strict=True))
    _check_not_present((*parent.records, *aside), parent, files, added)
    start = _get_size(parent.pack_path(home, added=True))
    records = apply_changes(parent, aside, _build_added_records(added, start), changes)
    versions = list_versions(home, parent.id)
    root = store.load(home, versions[0].root) if versions else parent
    if name is None:
        number = _compute_version_number(home, root.id)
        name = f"{_NUMBER_IN_NAME.sub('', parent.name)}, version {number}"
    version_set = _build_data_set(root, records, name)
    size = start + sum(len(each.data) for each in added.values())
    require_space(home / "data", size, N_("this version"))
    with translate_disk_errors(), create_unfinished_folder(home / "data") as folder:
        _write_packs(home, parent, folder, added)
        version = Version(version_set.id, parent.id, root.id, time.time(), tuple(changes))
        texts = {VERSION_FILE: json.dumps(asdict(version))} | dict(extra_files or {})
        store.write(version_set, folder, texts)
        new = publish(
            folder,
            home / "data" / version_set.id,
            lambda: store.load_whole(home, version_set.id) is not None,
        )
    return version_set if new else store.load(home, version_set.id)


def share_images(home: Path, root: DataSet) -> None:
    """Give the versions of a data set that was put right its image files again.

    Args:
        home: The data folder.
        root: The first ancestor of the versions.
    """
    for folder in (home / "data").glob("*"):
        with suppress(DataSetError):  # its own description is damaged
            version = _load_version(home, folder.name)
            if version and version.root == root.id:
                pack = root.pack_path(home)
                part = folder / f"{pack.name}{UNFINISHED_SUFFIX}"
                part.unlink(missing_ok=True)
                _link_or_copy(pack, part, copy=False)
                part.replace(folder / pack.name)


def _load_version(home: Path, data_id: str) -> Version | None:
    if not store.exists(home, data_id):
        return None
    folder = home / "data" / data_id
    if not (folder / VERSION_FILE).is_file():
        return None
    values = json.loads(store.read_stored_text(folder, VERSION_FILE))
    return Version(**values | {"changes": tuple(Change(**c) for c in values["changes"])})


def _compute_version_number(home: Path, root: str) -> int:
    """Number of the next version; the data set that was read from an archive is number 1."""
    ids = (summary.id for summary in store.list_data_sets(home))
    versions = filter(None, (_load_version(home, data_id) for data_id in ids))
    return 2 + sum(version.root == root for version in versions)


def _check_not_present(
    known: Sequence[ImageRecord],
    parent: DataSet,
    files: Mapping[str, bytes],
    added: Mapping[str, CleanImage],
) -> None:
    """Refuse to add an image that exists, even if set aside: it could leak into the test."""
    records = {record.digest: record for record in known}
    # Older data sets hold image files as they came, with their metadata.
    contents = (*files.values(), *(image.data for image in added.values()))
    for content in contents:
        same = records.get(hash_bytes(content))
        if same:
            raise DataSetError(
                _("This image is in the data set already."),
                found=f"{same.path}: {parent.classes[same.label]}, {same.split}",
                remedy=_("Leave it out of what is added; relabel or restore the other one."),
            )


def _build_added_records(added: Mapping[str, CleanImage], start: int) -> dict[str, ImageRecord]:
    """Records of images to add, whose files follow one another from an offset in bytes."""
    records = {}
    for path, image in added.items():
        info, digest, length = image.info, hash_bytes(image.data), len(image.data)
        records[path] = ImageRecord(
            path, 0, "train", digest, start, length, info.width, info.height, added=True
        )
        start += length
    return records


def _build_data_set(root: DataSet, records: tuple[ImageRecord, ...], name: str) -> DataSet:
    """The data set of these records, with the problems and summary of its root."""
    problems = _inherit_problems(root, records)
    folders = tuple(sorted(count_per_folder([record.path for record in records]).items()))
    duplicates = sum(problem.kind in ("duplicate", "leak") for problem in problems)
    summary = replace(root.import_summary, duplicates=duplicates, folders=folders)
    data_id = compute_content_id(root.classes, records, problems, summary)
    return DataSet(data_id, name, root.classes, records, problems, summary)


def _inherit_problems(root: DataSet, records: tuple[ImageRecord, ...]) -> tuple[Problem, ...]:
    """The problems of the root, without those of images whose copy was changed since."""
    now = {record.path: record.label for record in records}
    was = {record.path: record for record in root.records}
    dealt_with = {r.digest for r in was.values() if now.get(r.path) != r.label}
    stay = [
        problem
        for problem in root.problems
        if problem.kind != "unbalanced"
        and (problem.path not in was or was[problem.path].digest not in dealt_with)
    ]
    return (*stay, *find_class_imbalance(records, root.classes))


def _write_packs(
    home: Path, parent: DataSet, folder: Path, added: Mapping[str, CleanImage]
) -> None:
    """Link the parent's packs, and append the added images to a copy of theirs."""
    for is_added in (False, True):
        pack_path = parent.pack_path(home, added=is_added)
        if not is_added or pack_path.is_file():
            _link_or_copy(pack_path, folder / pack_path.name, copy=is_added and bool(added))
    if added:
        with (folder / parent.pack_path(home, added=True).name).open("ab") as pack:
            pack.writelines(image.data for image in added.values())
            pack.flush()
            os.fsync(pack.fileno())


def _link_or_copy(file: Path, name: Path, *, copy: bool) -> None:
    """Hard-link a file, or copy it if it will grow or the disk has no links."""
    if not copy:
        with suppress(OSError):
            os.link(file, name)
            return
    shutil.copyfile(file, name)


def _get_size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
