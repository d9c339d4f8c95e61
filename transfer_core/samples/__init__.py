"""Sample data sets that work without a network, and the way from a name to a file."""

import io
import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from transfer_core.archive.names import printable
from transfer_core.errors import ArchiveError, DataSetError
from transfer_core.samples import calls, plankton

PREFIX = "sample:"
_DIGIT_SIZE = 64  # pixels a side; scikit-learn's are 8, the least that a photo may have
JPEG_QUALITY = 92
SOURCE_WORLD = "plankton_source"  # to pre-train on, so it is not offered as a new data set
SOURCE_SPECIES, SOURCE_INDIVIDUALS, SOURCE_TRAIN = 64, 280, 250
_DATE = (1980, 1, 1, 0, 0, 0)  # of every member, so that equal samples are equal files

Progress = Callable[[int, int], None]  # images done, images in all


@dataclass(frozen=True, slots=True)
class Sample:
    """A data set that anybody can start with."""

    name: str
    title: str
    story: str  # what it is, where it is from, and why it is worth trying
    make: Callable[[Path, Progress], None]  # writes a zip


def sample_zip(name: str, to: Path, *, progress: Progress | None = None) -> Path:
    """Write a sample as a zip; the bytes are the same every time.

    Args:
        name: One of SAMPLES, or SOURCE_WORLD.
        to: The file to write.
        progress: Called with images done and images in all; may raise to end the work.

    Raises:
        DataSetError: If there is no such sample.
    """
    if name not in _MAKERS:
        raise DataSetError(
            "There is no such sample.",
            found=printable(name),
            remedy=f"Choose one of: {', '.join(SAMPLES)}.",
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(suffix=".part", dir=to.parent)
    os.close(handle)
    try:
        _MAKERS[name](Path(unfinished), progress or (lambda done, total: None))
        os.replace(unfinished, to)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return to


def resolve(text: str, home: Path, *, progress: Progress | None = None) -> Path:
    """Turn what a person gives for a data set into a file or folder that exists.

    Args:
        text: A path, or "sample:" and the name of a sample.
        home: The data folder; samples are kept there.
        progress: Called while a sample is made, with images done and images in all.

    Raises:
        DataSetError: If there is no such sample.
        ArchiveError: If there is no such file.
    """
    if text.startswith(PREFIX):
        name = text.removeprefix(PREFIX)
        kept = home / "samples" / f"{name}.zip" if name in _MAKERS else None
        if kept and kept.is_file():
            return kept
        return sample_zip(name, kept or home, progress=progress)
    path = Path(text).expanduser()
    if not text.strip() or not path.exists():
        raise ArchiveError(
            "There is no such file or folder.",
            found=printable(text),
            remedy=f"Give the path of a zip or a folder, or {PREFIX}{next(iter(SAMPLES))}.",
        )
    return path


def _digits(each: int | None, to: Path, progress: Progress) -> None:
    """Scans of digits, so many of each; None takes all there are."""
    from sklearn.datasets import load_digits  # takes a second to import

    digits, seen = load_digits(), Counter()
    chosen = []
    for number, label in enumerate(digits.target):
        seen[label] += 1
        if each is None or seen[label] <= each:
            chosen.append((number, label))
    images = (
        (f"{label}/{number:04}.png", _digit(digits.images[number])) for number, label in chosen
    )
    _write_zip(to, images, len(chosen), progress)


def _digit(ink: np.ndarray) -> Image.Image:
    """Dark ink on white paper.

    Args:
        ink: Shape (8, 8), from 0 to 16.
    """
    framed = np.pad(ink, 1)  # the digits reach the edge, so that a crop would cut them
    paper = Image.fromarray(np.round(255 - framed * (255 / 16)).astype(np.uint8))
    return paper.resize((_DIGIT_SIZE, _DIGIT_SIZE), Image.Resampling.BICUBIC)


def _source_world(to: Path, progress: Progress) -> None:
    """Species to pre-train a network on, with their split."""

    def images() -> Iterator[tuple[str, Image.Image]]:
        for number in range(SOURCE_SPECIES):
            drawn = plankton.individuals(
                plankton.species(number), SOURCE_INDIVIDUALS, np.random.default_rng([11, number])
            )
            for index, pixels in enumerate(drawn):
                split = "val" if index >= SOURCE_TRAIN else "train"
                yield f"{split}/plankton_{number:02}/{index:03}.jpg", Image.fromarray(pixels)

    _write_zip(to, images(), SOURCE_SPECIES * SOURCE_INDIVIDUALS, progress)


def _plankton(numbers: range, each: int, to: Path, progress: Progress) -> None:
    """Other species than those of the source world."""
    _made(
        [(f"species {n}", plankton.individuals, plankton.species(n), n) for n in numbers],
        each, to, progress,
    )  # fmt: skip


def _calls(numbers: range, each: int, to: Path, progress: Progress) -> None:
    _made(
        [(f"bird {n - numbers[0] + 1}", calls.spectrograms, calls.bird(n), n) for n in numbers],
        each, to, progress,
    )  # fmt: skip


def _made(kinds: list[tuple], each: int, to: Path, progress: Progress) -> None:
    """Images of each kind: its class's name, what draws it, of what, from which seed."""

    def images() -> Iterator[tuple[str, Image.Image]]:
        for name, draws, kind, seed in kinds:
            for index, pixels in enumerate(draws(kind, each, np.random.default_rng([12, seed]))):
                yield f"{name}/{index:03}.jpg", Image.fromarray(pixels)

    _write_zip(to, images(), len(kinds) * each, progress)


def _write_zip(
    to: Path, images: Iterable[tuple[str, Image.Image]], count: int, progress: Progress
) -> None:
    with zipfile.ZipFile(to, "w") as archive:
        for done, (name, image) in enumerate(images, start=1):
            data = io.BytesIO()
            image.save(data, "PNG" if name.endswith(".png") else "JPEG", quality=JPEG_QUALITY)
            archive.writestr(zipfile.ZipInfo(name, _DATE), data.getvalue())
            progress(done, count)


SAMPLES: dict[str, Sample] = {
    "digits": Sample(
        name="digits",
        title="Handwritten digits",
        story=(
            "1,797 scans of the digits 0 to 9, written by 13 people, from the UCI repository "
            "through scikit-learn. They look nothing like photos, so they show what is left of "
            "a network that learned from photos when the images are small and different."
        ),
        make=partial(_digits, None),
    ),
}
_MAKERS = {name: sample.make for name, sample in SAMPLES.items()} | {SOURCE_WORLD: _source_world}
