"""Write the index of all shards: the rows, their splits, and the data set's description."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import BinaryIO

import numpy as np

from transfer_core.dataset.archive import Archive, Problem
from transfer_core.dataset.assembly import describe_class_imbalance
from transfer_core.dataset.layout import Layout, count_per_folder
from transfer_core.dataset.recordings import find_burst
from transfer_core.dataset.shards.addresses import Address
from transfer_core.dataset.shards.opening import MANIFEST
from transfer_core.dataset.shards.parts import PARTS_FOLDER, Part, load_part
from transfer_core.dataset.shards.record_table import PATHS_FILE, ROWS_FILE
from transfer_core.dataset.shards.shard_files import Shards, make_changed_error
from transfer_core.dataset.shards.splits_by_content import find_copies, give_splits
from transfer_core.dataset.types import SPLITS, DataSet, ImportSummary, Split
from transfer_core.errors import DataSetError
from transfer_core.languages import _
from transfer_core.system import hash_bytes, seal

MAX_LISTED = 1000  # unreadable images that are named


@dataclass(frozen=True)
class Source:
    """What is written into shards."""

    archive: Archive
    layout: Layout
    name: str  # for people
    seed: int  # of the splits
    made_from: str  # see `Shards`

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of all classes, sorted."""
        return tuple(sorted({name for name, _ in self.layout.folder_labels.values()}))

    @property
    def made_splits(self) -> tuple[Split, ...]:
        """The parts that are taken from the training images."""
        given = self.layout.given_splits
        return tuple(split for split in SPLITS if split != "train" and split not in given)


@dataclass(frozen=True)
class _Columns:
    """What is needed of all images at once."""

    contents: np.ndarray  # uint64 (N,), equal for exact copies
    groups: np.ndarray  # uint64 (N,), equal for images that stay together
    labels: np.ndarray  # uint16 (N,)
    given: np.ndarray  # uint8 (N,), index into SPLITS or NOT_GIVEN


def write_index(address: Address, source: Source, shards: int) -> None:
    """Give each image its split, and write the index; last the description.

    Args:
        address: With all parts of the index.
        source: What was written.
        shards: How many.

    Raises:
        DataSetError: If a class lacks images for a part of the split.
    """
    columns = _read_columns(address, shards)
    splits, leaks = give_splits(
        columns.contents, columns.groups, columns.given, source.made_splits, source.seed
    )
    counts = _check_counts(source, columns.labels, splits)
    files, hashes, formats, unreadable = [], [], Counter(), []
    with address.open(ROWS_FILE, "wb") as rows, address.open(PATHS_FILE, "wb") as paths:
        writer, first = _TableWriter(rows, paths), 0
        for part in _iter_parts(address, shards):
            last = first + len(part.rows)
            writer.add(part, splits[first:last])
            first = last
            files.append(part.shard)
            formats.update(part.formats)
            unreadable += part.unreadable
        hashes = writer.get_hashes()
    copies, conflicts = find_copies(columns.contents, columns.labels)
    problems = _list_problems(source, unreadable, leaks, conflicts, counts)
    data_set = DataSet(
        "",
        source.name,
        source.classes,
        (),
        problems,
        _summarise(source, len(unreadable), copies, formats),
        Shards("", tuple(files), *hashes, source.made_from),
    )
    _write_manifest(address, data_set, counts)


def _write_manifest(address: Address, data_set: DataSet, counts: np.ndarray) -> None:
    """Write what makes the shards a data set; nothing changes there afterwards."""
    content = "".join(replace(data_set, name="").to_json())
    data_set = replace(data_set, id=hash_bytes(content.encode())[:20])
    values = json.loads("".join(data_set.to_json()))
    values["counts"] = dict(zip(SPLITS, counts.tolist(), strict=True))  # of each class
    address.write_whole(MANIFEST, json.dumps(seal(values), ensure_ascii=False).encode())
    address.remove_folder(PARTS_FOLDER)


def _iter_parts(address: Address, shards: int) -> Iterator[Part]:
    for number in range(shards):
        part = load_part(address, number)
        if part is None:  # it was there just now
            raise make_changed_error(f"{address.text}/{PARTS_FOLDER}")
        yield part


def _read_columns(address: Address, shards: int) -> _Columns:
    columns = [[], [], [], []]
    for part in _iter_parts(address, shards):
        contents = part.rows["digest"][:, :8].copy().view("<u8")[:, 0]
        values = contents, _find_groups(part, contents), part.rows["label"], part.rows["split"]
        for column, each in zip(columns, values, strict=True):
            column.append(each)
    return _Columns(*map(np.concatenate, columns))


def _find_groups(part: Part, contents: np.ndarray) -> np.ndarray:
    """The content of each image, or the burst of those that were recorded."""
    groups, start = contents.copy(), 0
    for index, end in enumerate(part.rows["path_end"].tolist()):
        burst = find_burst(part.paths[start:end].decode())
        if burst:
            groups[index] = int(hash_bytes(burst.encode())[:16], 16)
        start = end
    return groups


class _TableWriter:
    """Write rows and paths one part after the other, and hash them."""

    def __init__(self, rows: BinaryIO, paths: BinaryIO) -> None:
        self._files, self._digests, self._path_end = (rows, paths), (sha256(), sha256()), 0

    def add(self, part: Part, splits: np.ndarray) -> None:
        """Write the rows of a part that have a split, with the split."""
        rows, kept = part.rows.copy(), splits < len(SPLITS)
        rows["split"] = splits
        ends = part.rows["path_end"].astype(np.int64)
        starts = np.concatenate(([0], ends[:-1]))
        paths = [
            part.paths[start:end]
            for start, end in zip(starts[kept].tolist(), ends[kept].tolist(), strict=True)
        ]
        rows = rows[kept]
        rows["path_end"] = self._path_end + np.cumsum([len(path) for path in paths], dtype=np.int64)
        texts = rows.tobytes(), b"".join(paths)
        self._path_end += len(texts[1])
        for file, digest, text in zip(self._files, self._digests, texts, strict=True):
            digest.update(text)
            file.write(text)

    def get_hashes(self) -> list[str]:
        """SHA-256 of the rows and of the paths."""
        return [digest.hexdigest() for digest in self._digests]


def _check_counts(source: Source, labels: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """Images of each split and class; each class needs one in every part that is there.

    Returns:
        int64 (3, C).
    """
    classes = len(source.classes)
    kept = splits < len(SPLITS)
    pairs = splits[kept].astype(np.int64) * classes + labels[kept]
    counts = np.bincount(pairs, minlength=len(SPLITS) * classes).reshape(-1, classes)
    needed = [SPLITS.index(split) for split in ("train", *source.made_splits)]
    lacking = np.flatnonzero((counts[needed] == 0).any(axis=0))
    if not len(lacking):
        return counts
    raise DataSetError(
        _("These classes have too few images to be split in shards."),
        found=", ".join(source.classes[each] for each in lacking[:10]),
        remedy=_("Add images to them, or load the images as a zip or folder, without shards."),
    )


def _list_problems(
    source: Source, unreadable: list[Problem], leaks: int, conflicts: int, counts: np.ndarray
) -> tuple[Problem, ...]:
    problems = [
        *unreadable[:MAX_LISTED],
        *source.archive.problems[:MAX_LISTED],
        *source.layout.problems[:MAX_LISTED],
        *describe_class_imbalance(Counter(dict(enumerate(counts[0].tolist()))), source.classes),
    ]
    if leaks:
        message = f"{leaks:,} exact copies of images in later parts of the split were left out."
        problems.append(Problem("leak", "", message))
    if conflicts:
        message = f"{conflicts:,} images lie in more than one class."
        problems.append(Problem("conflict", "", message))
    return tuple(problems)


def _summarise(source: Source, unreadable: int, copies: int, formats: Counter) -> ImportSummary:
    layout = source.layout
    folders = count_per_folder([member.path for member in layout.images])
    return ImportSummary(
        archive=source.archive.name,
        classes=len(source.classes),
        wrapper=layout.wrapper,
        given_splits=layout.given_splits,
        made_splits=source.made_splits if layout.given_splits else SPLITS,
        seed=source.seed,
        junk=source.archive.junk,
        unreadable=unreadable,
        not_images=layout.not_images,
        duplicates=copies,
        formats=dict(formats.most_common()),
        folders=tuple(sorted(folders.items())),
        is_clean=True,
    )
