"""The store of data sets: one folder for each id, written once and never changed."""

import csv
import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from transfer_core.dataset.types import DataSet
from transfer_core.dataset.wording import format_count
from transfer_core.errors import DataSetError
from transfer_core.images import decode_image
from transfer_core.languages import _

DATA_ID = re.compile(r"[0-9a-f]{20}")


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
    for name, pieces in texts.items():
        with (folder / name).open("w", encoding="utf-8") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())


def exists(home: Path, data_id: str) -> bool:
    """Whether the store has a data set with this id."""
    return bool(DATA_ID.fullmatch(data_id)) and (home / "data" / data_id / "dataset.json").is_file()


def load(home: Path, data_id: str) -> DataSet:
    """Read a data set by its id.

    Raises:
        DataSetError: If there is none.
    """
    if not exists(home, data_id):
        raise DataSetError(
            _("There is no such data set."),
            found=repr(data_id[:40]),
            remedy=_("Load the images again; it may have been removed."),
        )
    text = (home / "data" / data_id / "dataset.json").read_text(encoding="utf-8")
    return DataSet.from_json(text)


def list_data_sets(home: Path) -> tuple[DataSetSummary, ...]:
    """All data sets in the store, the newest first."""
    folders = [f for f in (home / "data").glob("*") if DATA_ID.fullmatch(f.name)]
    files = [folder / "summary.json" for folder in folders]
    files = sorted((f for f in files if f.is_file()), key=lambda f: -f.stat().st_mtime)
    return tuple(DataSetSummary(**json.loads(f.read_text(encoding="utf-8"))) for f in files)


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
        writer.writerow(map(_escape_cell, (problem.kind, problem.path, problem.message)))
    if data_set.import_summary.junk:
        message = f"{format_count(data_set.import_summary.junk, 'hidden or system file')} ignored."
        writer.writerow(("junk", "", message))
    return text.getvalue()


def _escape_cell(text: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@", "|", "%")) else text
