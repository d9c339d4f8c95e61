"""The data set as plain data: its images, classes and splits, and how an archive was read."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, get_args

import numpy as np

from transfer_core.dataset import wording
from transfer_core.dataset.archive import Problem
from transfer_core.dataset.shards.shard_files import ShardFile, Shards
from transfer_core.errors import DataSetError
from transfer_core.languages import _, ngettext
from transfer_core.system import hash_bytes

if TYPE_CHECKING:
    from transfer_core.dataset.shards.record_table import RecordTable

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
MAX_OPEN_PACKS = 64  # at a time, while images are read
VALUES_PER_CHUNK = 1000  # so many that the JSON encoder is not called for each value


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One usable image."""

    path: str  # in the archive
    label: int  # index into DataSet.classes
    split: Split
    digest: str  # SHA-256 of the stored file, hexadecimal
    offset: int  # bytes, in its pack
    length: int  # bytes
    width: int  # pixels, upright
    height: int  # pixels, upright
    added: bool = False  # to a version, so that its bytes lie in the pack of added images


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """Facts about the import of an archive, for people."""

    archive: str  # name of the zip or folder
    classes: int
    wrapper: str | None  # folders around all classes that were ignored, as "download/flowers"
    given_splits: tuple[Split, ...]  # present in the archive
    made_splits: tuple[Split, ...]  # taken from the training images
    seed: int  # of the splits that were made
    junk: int  # hidden and system files, ignored
    unreadable: int  # images that cannot be decoded, left out
    not_images: int  # files of other kinds, left out
    duplicates: int  # exact copies of other images, both those used and those left out
    formats: dict[str, int] = field(hash=False)  # usable images of each format
    folders: tuple[tuple[str, int], ...] = ()  # usable images in each folder of the archive
    is_clean: bool = False  # whether only pixels are stored; older sets have files as they came

    def describe(self, shares: str = "", leaks: int = 0) -> str:
        """The summary in one sentence without a full stop.

        Args:
            shares: Said of the split instead of the usual shares; see `describe_import`.
            leaks: How many of the exact copies were left out.
        """
        parts = [
            _("{number} classes", number=wording.spell_number(self.classes)),
            wording.describe_splits(self.given_splits, self.made_splits, self.seed, shares),
            _("wrapper folder {folder} removed", folder=self.wrapper) if self.wrapper else "",
            ngettext("{n:,} junk file ignored", "{n:,} junk files ignored", self.junk)
            if self.junk
            else "",
            _("{n:,} unreadable", n=self.unreadable) if self.unreadable else "",
            ngettext("{n:,} file without an image", "{n:,} files without an image", self.not_images)
            if self.not_images
            else "",
            wording.describe_copies(self.duplicates, leaks),
        ]
        return ", ".join(filter(None, parts))

    def draw_tree(self) -> str:
        """A drawing of the archive's folders, with the number of usable images in each."""
        return wording.draw_tree(self.archive, dict(self.folders))


@dataclass(frozen=True, slots=True)
class DataSet:
    """Labelled images, split into train, validation and test.

    Its files lie under its id, unless they lie in shards: see `transfer_core.dataset.shards`.
    """

    id: str  # a hash of the content and the seed, so equal content has an equal id
    name: str
    classes: tuple[str, ...]
    records: "Sequence[ImageRecord] | RecordTable"  # in the order of their paths, or of the shards
    problems: tuple[Problem, ...]
    import_summary: ImportSummary
    shards: Shards | None = None  # that hold the images; None for files of its own

    @property
    def labels(self) -> np.ndarray:
        """Class indices, int64, shape (N,)."""
        if self.shards:
            return self.records.read_column("label")
        return np.fromiter((r.label for r in self.records), np.int64, len(self.records))

    @property
    def lengths(self) -> np.ndarray:
        """Bytes of the stored image files, int64, shape (N,)."""
        if self.shards:
            return self.records.read_column("length")
        return np.fromiter((r.length for r in self.records), np.int64, len(self.records))

    @property
    def shard_numbers(self) -> np.ndarray | None:
        """The shard of each image, int64, shape (N,); None if the images are not in shards."""
        return self.records.read_column("shard") if self.shards else None

    def indices(self, split: Split) -> np.ndarray:
        """Indices into `records` of the images of a split, int64, ascending."""
        if self.shards:
            return np.flatnonzero(self.records.read_column("split") == SPLITS.index(split))
        return np.array([i for i, r in enumerate(self.records) if r.split == split], np.int64)

    def counts(self, split: Split | None = None) -> tuple[int, ...]:
        """Number of images of each class, in one split or in all."""
        labels = self.labels if split is None else self.labels[self.indices(split)]
        return tuple(np.bincount(labels, minlength=len(self.classes)).tolist())

    def pack_path(self, home: Path, *, added: bool = False) -> Path:
        """The file that holds the image files, one after the other.

        Args:
            home: The data folder.
            added: True for the pack of the images that were added to a version.
        """
        return home / "data" / self.id / ("added.pack" if added else "images.pack")

    def iter_image_bytes(self, home: Path, indices: Iterable[int]) -> Iterator[bytes]:
        """The stored files of some images, in the order of their indices.

        Raises:
            FileNotFoundError: If the data set was removed from the disk.
            DataSetError: If an image is damaged on the disk.
        """
        indices = list(indices)
        many = len(indices) > 1 and indices[-1] - indices[0] < 2 * len(indices)  # neighbours
        with ExitStack() as opened:
            packs: dict[int, BinaryIO] = {}
            for index in indices:
                record = self.records[index]
                pack = self.records.get_shard(index) if self.shards else int(record.added)
                if len(packs) == MAX_OPEN_PACKS:
                    opened.close()
                    packs.clear()
                if pack not in packs:
                    packs[pack] = opened.enter_context(self._open_pack(home, pack, many))
                packs[pack].seek(record.offset)
                data = packs[pack].read(record.length)
                if hash_bytes(data) != record.digest:
                    raise _make_damage_error(record)
                yield data

    def _open_pack(self, home: Path, number: int, many: bool) -> BinaryIO:
        if self.shards:
            return self.shards.open(home, number, many=many)
        return self.pack_path(home, added=bool(number)).open("rb")

    def to_json(self) -> Iterator[str]:
        """Everything but the pixels, in pieces. Records are stored by column: half as long."""
        values = {
            "id": self.id,
            "name": self.name,
            "classes": self.classes,
            "problems": [asdict(problem) for problem in self.problems],
            "import_summary": asdict(self.import_summary),
        }
        if self.shards:  # the records lie beside, as a table
            yield json.dumps(values | {"shards": asdict(self.shards)}, ensure_ascii=False)
            return
        yield json.dumps(values, ensure_ascii=False)[:-1]
        before = ', "records": {'
        for column in fields(ImageRecord):
            yield f'{before}"{column.name}": '
            yield from encode_list(getattr(record, column.name) for record in self.records)
            before = ", "
        yield "}}"

    @classmethod
    def from_json(cls, text: str) -> "DataSet":
        """The inverse of `to_json`, from its pieces joined to one text.

        The records of a data set in shards are read by `record_table.open_table`.
        """
        values = json.loads(text)
        shards = values.get("shards")
        if shards:
            values["records"] = {each.name: [] for each in fields(ImageRecord)}
            shards["files"] = tuple(ShardFile(**each) for each in shards["files"])
        # Data sets written before there were versions lack this column.
        values["records"].setdefault("added", [False] * len(values["records"]["path"]))
        columns = (values["records"][f.name] for f in fields(ImageRecord))
        summary = values.get("import_summary") or values["reading"]  # before version 0.2
        for key in ("given_splits", "made_splits"):
            summary[key] = tuple(summary[key])
        summary["folders"] = tuple(tuple(folder) for folder in summary["folders"])
        return cls(
            id=values["id"],
            name=values["name"],
            classes=tuple(values["classes"]),
            records=tuple(ImageRecord(*row) for row in zip(*columns, strict=True)),
            problems=tuple(Problem(**problem) for problem in values["problems"]),
            import_summary=ImportSummary(**summary),
            shards=Shards(**shards) if shards else None,
        )


def _make_damage_error(record: ImageRecord) -> DataSetError:
    return DataSetError(
        _("An image of the data set is damaged on the disk."),
        found=record.path,
        remedy=_("Load the same images again: that puts it right."),
    )


def encode_list(values: Iterable) -> Iterator[str]:
    """The JSON of a list in pieces, so that a million values never lie in memory as text."""
    values, before = iter(values), "["
    while chunk := list(islice(values, VALUES_PER_CHUNK)):
        yield before + json.dumps(chunk, ensure_ascii=False)[1:-1]
        before = ", "
    yield "]" if before == ", " else "[]"
