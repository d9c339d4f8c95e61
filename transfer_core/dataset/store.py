"""The store of data sets: one folder for each id, written once and never changed.

Beside its files lies `hashes.json`, by which a reader notices damage; each image has a hash of its
own. Data sets of older versions lack that file and are read all the same.
"""

import csv
import hashlib
import io
import json
import logging
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from PIL import Image

from transfer_core.dataset.shards.record_table import open_table
from transfer_core.dataset.types import DataSet
from transfer_core.dataset.wording import format_count
from transfer_core.errors import DataSetError
from transfer_core.images import decode_image
from transfer_core.languages import _
from transfer_core.system import hash_bytes

DATA_ID = re.compile(r"[0-9a-f]{20}")
HASHES_FILE = "hashes.json"  # SHA-256 of each text beside it, by file name
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)  # damaged JSON

_LOG = logging.getLogger(__name__)
_WHOLE_PACKS: set[tuple] = set()  # packs that this process has read, by time and size


@dataclass(frozen=True, slots=True)
class DataSetSummary:
    """One line of the list of data sets."""

    id: str
    name: str
    classes: int
    images: int


def write(data_set: DataSet, folder: Path, extra_files: Mapping[str, str] | None = None) -> None:
    """Write the description of a data set into its folder, beside the images.

    Args:
        data_set: The data set.
        folder: Its folder, which exists.
        extra_files: Texts of further files, by file name.
    """
    summary = DataSetSummary(
        data_set.id, data_set.name, len(data_set.classes), len(data_set.records)
    )
    texts = {
        "summary.json": [json.dumps(asdict(summary), ensure_ascii=False)],
        "dataset.json": data_set.to_json(),
        **{name: [text] for name, text in (extra_files or {}).items()},
    }
    hashes = {name: _write_text(folder / name, pieces) for name, pieces in texts.items()}
    _write_text(folder / HASHES_FILE, [json.dumps(hashes)])


def _write_text(path: Path, pieces: Iterable[str]) -> str:
    """Write a text and return its hash."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for piece in pieces:
            data = piece.encode()
            digest.update(data)
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def exists(home: Path, data_id: str) -> bool:
    """Whether the store has a data set with this id."""
    return bool(DATA_ID.fullmatch(data_id)) and (home / "data" / data_id / "dataset.json").is_file()


def load(home: Path, data_id: str) -> DataSet:
    """Read a data set by its id.

    Raises:
        DataSetError: If there is none, or it is damaged.
    """
    if not exists(home, data_id):
        raise DataSetError(
            _("There is no such data set."),
            found=repr(data_id.removeprefix("?")[:40]),  # `?`: asked for, and not in any store
            remedy=_("Load the images again; it may have been removed."),
        )
    folder = home / "data" / data_id
    text = read_stored_text(folder, "dataset.json")
    try:
        data_set = DataSet.from_json(text)
    except UNREADABLE as error:
        raise _make_damage_error(folder, "dataset.json") from error
    if data_set.shards:
        return replace(data_set, records=open_table(folder, data_set.shards))
    return data_set


def read_stored_text(folder: Path, name: str) -> str:
    """Read a text of a data set and compare it with its hash.

    Raises:
        DataSetError: If it is damaged.
        FileNotFoundError: If there is no such text.
    """
    data = (folder / name).read_bytes()
    try:
        hashes = json.loads((folder / HASHES_FILE).read_bytes())
        if hashes[name] == hash_bytes(data):
            return data.decode()
    except FileNotFoundError:  # an older version wrote the data set
        with suppress(ValueError):
            return data.decode()
    except UNREADABLE:
        pass
    raise _make_damage_error(folder, name)


def _make_damage_error(folder: Path, name: str) -> DataSetError:
    return DataSetError(
        _("The data set is damaged on the disk."),
        found=f"data/{folder.name}/{name}",
        remedy=_("Load the same images again: that puts it right."),
    )


def load_whole(home: Path, data_id: str) -> DataSet | None:
    """Read a data set and all of its images; None if there is none, or anything is damaged."""
    try:
        data_set = load(home, data_id)
        packs = (data_set.pack_path(home, added=added) for added in (False, True))
        versions = tuple((p, p.stat().st_mtime_ns, p.stat().st_size) for p in packs if p.is_file())
        if versions not in _WHOLE_PACKS:
            for __ in data_set.iter_image_bytes(home, range(len(data_set.records))):
                pass  # each is compared with its hash
            _WHOLE_PACKS.add(versions)
    except (DataSetError, OSError):
        return None
    return data_set


def is_whole(home: Path, data_id: str) -> bool:
    """Whether a data set and all images that lie in its folder are undamaged; shards do not."""
    try:
        if load(home, data_id).shards:
            return True
    except (DataSetError, OSError):
        return False
    return load_whole(home, data_id) is not None


def list_data_sets(home: Path) -> tuple[DataSetSummary, ...]:
    """All data sets in the store, the newest first."""
    folders = (f for f in (home / "data").glob("*") if DATA_ID.fullmatch(f.name))
    newest_first = sorted(folders, key=lambda f: f.stat().st_mtime, reverse=True)
    return tuple(filter(None, (_read_summary(home, folder) for folder in newest_first)))


def _read_summary(home: Path, folder: Path) -> DataSetSummary | None:
    """The summary of a data set, from its description if need be; None if both are damaged."""
    try:
        return DataSetSummary(**json.loads(read_stored_text(folder, "summary.json")))
    except (DataSetError, OSError, *UNREADABLE) as error:
        _LOG.warning("the summary of data set %s cannot be read: %s", folder.name, error)
    try:
        data_set = load(home, folder.name)
    except (DataSetError, OSError):
        return None
    return DataSetSummary(data_set.id, data_set.name, len(data_set.classes), len(data_set.records))


def read_image_bytes(home: Path, data_set: DataSet, index: int) -> bytes:
    """The stored file of one image. To show an image, use `load_image`.

    Raises:
        DataSetError: If the data set was removed from the disk.
    """
    try:
        return next(data_set.iter_image_bytes(home, (index,)))
    except FileNotFoundError as error:
        raise DataSetError(
            _("The images of the data set are gone."),
            found=data_set.name,
            remedy=_("Load the images again."),
        ) from error


def load_image(home: Path, data_set: DataSet, index: int) -> Image.Image:
    """One image, mode RGB, upright and without metadata."""
    return decode_image(read_image_bytes(home, data_set, index))


def export_problems_csv(data_set: DataSet) -> str:
    """All problems of a data set as CSV for a spreadsheet, one line each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("kind", "path", "message"))
    for problem in data_set.problems:
        writer.writerow(map(escape_csv_cell, (problem.kind, problem.path, problem.message)))
    if data_set.import_summary.junk:
        message = f"{format_count(data_set.import_summary.junk, 'hidden or system file')} ignored."
        writer.writerow(("junk", "", message))
    return text.getvalue()


def escape_csv_cell(text: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])  # also wide ones, as Excel reads them
    return f"'{text}" if first and first in "=+-@|%" else text
