"""The catalog of sample data sets, made by code, and the zip of each."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from transfer_core.dataset.archive.entry_paths import make_printable
from transfer_core.dataset.samples import generators
from transfer_core.errors import ArchiveError, DataSetError
from transfer_core.languages import N_, _
from transfer_core.system import Progress, ignore_progress, write_atomically

SAMPLE_PREFIX = "sample:"
SAMPLES_LINE = 1_000  # images to learn from; with the line there the samples are one for each case
JPEG_QUALITY = 92
SOURCE_DATA_SET = "plankton_source"  # to pre-train on, so it is not offered as a new data set
PRACTICE_PREFIX = "practice_"  # of samples with fewer images, versions of which the lab spoils
PRACTICE_IMAGES_PER_CLASS = 40
_ZIP_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # of every member, so that equal samples are equal files


@dataclass(frozen=True, slots=True)
class Sample:
    """A data set that a person can start with at once."""

    name: str
    title: str
    description: str  # for people: content, origin, and what it shows
    case: int  # of the textbook, with the line at SAMPLES_LINE and the demonstration network
    classes: int
    count: int  # images
    max_images_per_class: int  # images of a class, at most
    images: Callable[
        [int], generators.NamedImages
    ]  # makes so many of each class, the same every time

    def generate_examples(self) -> list[Image.Image]:
        """One image of each class."""
        return [image for _, image in self.images(1)]


def write_sample_zip(name: str, to: Path, *, progress: Progress = ignore_progress) -> Path:
    """Write a sample as a zip; the bytes are the same every time.

    Args:
        name: One of SAMPLES, PRACTICE_PREFIX and one of them, or SOURCE_DATA_SET.
        to: The file to write.
        progress: Called with what is done, images done and total; may raise to end the work.

    Raises:
        DataSetError: If there is no such sample.
    """
    generators_by_name = _list_generators()
    if name not in generators_by_name:
        raise DataSetError(
            _("There is no such sample."),
            found=make_printable(name),
            remedy=_("Choose one of: {names}.", names=", ".join(SAMPLES)),
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    count, images = generators_by_name[name]
    write_atomically(to, lambda file: _write_zip(file, images(), count, progress))
    return to


def resolve_path(text: str, home: Path, *, progress: Progress = ignore_progress) -> Path | str:
    """Resolve a path, or the name of a sample, to a file or folder that exists.

    Args:
        text: A path, "sample:" and the name of a sample, or the address of shards, which is
            returned as it is.
        home: The data folder, where the zips of samples are cached.
        progress: Called while a sample is made, with what is done, images done and total.

    Raises:
        DataSetError: If there is no such sample.
        ArchiveError: If there is no such file.
    """
    if text.startswith(SAMPLE_PREFIX):
        name = text.removeprefix(SAMPLE_PREFIX)
        file = home / "samples" / f"{name}.zip"
        if name in _list_generators() and zipfile.is_zipfile(file):  # and was not cut off
            return file
        return write_sample_zip(name, file, progress=progress)
    if "://" in text:
        return text
    path = Path(text).expanduser()
    if not text.strip() or not path.exists():
        raise ArchiveError(
            "There is no such file or folder.",
            found=make_printable(text),
            remedy=f"Give the path of a zip or a folder, or {SAMPLE_PREFIX}{next(iter(SAMPLES))}.",
        )
    return path


def _list_generators() -> dict[str, tuple[int, Callable[[], generators.NamedImages]]]:
    """Number of images and generator of each sample and of the sets that are not offered."""
    source = (
        generators.SOURCE_SPECIES * generators.SOURCE_IMAGES_PER_SPECIES,
        generators.generate_source_data_set,
    )
    made = {
        name: (sample.count, partial(sample.images, sample.max_images_per_class))
        for name, sample in SAMPLES.items()
    }
    practice = {
        PRACTICE_PREFIX + name: (
            sample.classes * PRACTICE_IMAGES_PER_CLASS,
            partial(sample.images, PRACTICE_IMAGES_PER_CLASS),
        )
        for name, sample in SAMPLES.items()
    }
    return made | practice | {SOURCE_DATA_SET: source}


def _write_zip(
    to: BinaryIO, images: generators.NamedImages, count: int, progress: Progress
) -> None:
    with zipfile.ZipFile(to, "w") as archive:
        for done, (name, image) in enumerate(images, start=1):
            data = io.BytesIO()
            image.save(data, "PNG" if name.endswith(".png") else "JPEG", quality=JPEG_QUALITY)
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIMESTAMP), data.getvalue())
            progress(N_("Making the sample"), done, count)


SAMPLES: dict[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample(
            name="plankton",
            title=N_("Plankton, a few"),
            description=N_(
                "An expedition brought home 15 pictures each of ten new species. The network has "
                "seen other species, so its features fit, and a new layer will do. The species "
                "do not exist; code draws them."
            ),
            case=1,
            classes=10,
            count=150,
            max_images_per_class=15,
            images=partial(generators.generate_plankton, range(1_000, 1_010)),
        ),
        Sample(
            name="stripes",
            title=N_("Striped cloth, a few"),
            description=N_(
                "A weaver sorts cloth by how its stripes run, whatever their colours. That is "
                "for the layers that see edges; the higher ones have learned to look past it. "
                "Code draws the cloth."
            ),
            case=2,
            classes=8,
            count=320,
            max_images_per_class=40,
            images=generators.generate_cloths,
        ),
        Sample(
            name="plankton_many",
            title=N_("Plankton, many"),
            description=N_(
                "The same ten species after a year at sea: 200 pictures of each. Enough to train "
                "every layer, and the pre-trained weights are still a good start."
            ),
            case=3,
            classes=10,
            count=2_000,
            max_images_per_class=200,
            images=partial(generators.generate_plankton, range(1_000, 1_010)),
        ),
        Sample(
            name="digits",
            title=N_("Handwritten digits, many"),
            description=N_(
                "1,797 scans of the digits 0 to 9, written by 13 people, from the UCI repository "
                "through scikit-learn. So many that a network can learn them from nothing: does "
                "pre-training on photos still help?"
            ),
            case=4,
            classes=10,
            count=1_797,
            max_images_per_class=200,
            images=generators.generate_digits,
        ),
    )
}
