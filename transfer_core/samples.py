"""Sample data sets that work without a network, and the way from a name to a file."""

import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from transfer_core.archive.names import printable
from transfer_core.errors import ArchiveError, DataSetError

PREFIX = "sample:"
_DIGIT_SIZE = 64  # pixels a side; scikit-learn's are 8, the least that a photo may have
_DATE = (1980, 1, 1, 0, 0, 0)  # of every member, so that equal samples are equal files


@dataclass(frozen=True, slots=True)
class Sample:
    """A data set that anybody can start with."""

    name: str
    title: str
    story: str  # what it is, where it is from, and why it is worth trying
    make: Callable[[Path], None]  # writes a zip


def sample_zip(name: str, to: Path) -> Path:
    """Write a sample as a zip; the bytes are the same every time.

    Args:
        name: One of SAMPLES.
        to: The file to write.

    Raises:
        DataSetError: If there is no such sample.
    """
    if name not in SAMPLES:
        raise DataSetError(
            "There is no such sample.",
            found=printable(name),
            remedy=f"Choose one of: {', '.join(SAMPLES)}.",
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(suffix=".part", dir=to.parent)
    os.close(handle)
    try:
        SAMPLES[name].make(Path(unfinished))
        os.replace(unfinished, to)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return to


def resolve(text: str, home: Path) -> Path:
    """Turn what a person gives for a data set into a file or folder that exists.

    Args:
        text: A path, or "sample:" and the name of a sample.
        home: The data folder; samples are kept there.

    Raises:
        DataSetError: If there is no such sample.
        ArchiveError: If there is no such file.
    """
    if text.startswith(PREFIX):
        name = text.removeprefix(PREFIX)
        kept = home / "samples" / f"{name}.zip" if name in SAMPLES else None
        return kept if kept and kept.is_file() else sample_zip(name, kept or home)
    path = Path(text).expanduser()
    if not text.strip() or not path.exists():
        raise ArchiveError(
            "There is no such file or folder.",
            found=printable(text),
            remedy=f"Give the path of a zip or a folder, or {PREFIX}{next(iter(SAMPLES))}.",
        )
    return path


def _digits(to: Path) -> None:
    from sklearn.datasets import load_digits  # takes a second to import

    digits = load_digits()
    _write_zip(
        to,
        (
            (f"{label}/{number:04}.png", _digit(ink))
            for number, (ink, label) in enumerate(zip(digits.images, digits.target, strict=True))
        ),
    )


def _digit(ink: np.ndarray) -> Image.Image:
    """Dark ink on white paper.

    Args:
        ink: Shape (8, 8), from 0 to 16.
    """
    framed = np.pad(ink, 1)  # the digits reach the edge, so that a crop would cut them
    paper = Image.fromarray(np.round(255 - framed * (255 / 16)).astype(np.uint8))
    return paper.resize((_DIGIT_SIZE, _DIGIT_SIZE), Image.Resampling.BICUBIC)


def _write_zip(to: Path, images: Iterable[tuple[str, Image.Image]]) -> None:
    with zipfile.ZipFile(to, "w") as archive:
        for name, image in images:
            data = io.BytesIO()
            image.save(data, "PNG")
            archive.writestr(zipfile.ZipInfo(name, _DATE), data.getvalue())


SAMPLES: dict[str, Sample] = {
    "digits": Sample(
        name="digits",
        title="Handwritten digits",
        story=(
            "1,797 scans of the digits 0 to 9, written by 13 people, from the UCI repository "
            "through scikit-learn. They look nothing like photos, so they show what is left of "
            "a network that learned from photos when the images are small and different."
        ),
        make=_digits,
    ),
}
