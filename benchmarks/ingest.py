"""(d) Taking a zip in beside decoding its images on all cores, and the way to network input.

    python -m benchmarks.ingest [DATA.zip ...] [--rounds 5]

Ours reads the zip, checks every image to its last code, hashes, splits and stores it in a new
data folder. The other side decodes the same files, which lie in memory already, with Pillow on
threads, one for each core, and keeps nothing. Beside it the way to the demonstration network's
input: ours from the zip to the pixel cache, against decoding at full size and resizing.
"""

import io
import os
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.report import Claim, drawn, load, options, rows_of, shared_zip, tell
from benchmarks.sides import compare, stopwatch
from transfer_core import dataset, images
from transfer_core.images.decoding import ENDINGS

SETS = ("new_photos_20_large.zip", "ants_bees.zip")
CORES = os.cpu_count() or 1
TRANSFORM = images.Transform(64)
OURS, OURS_PIXELS = "ours: ingest", "ours: to network input"
DECODED, RESIZED = "decoding from memory", "decoding and resizing"


def camera_photos(folder: Path, count: int = 80) -> Path:
    """Photos of 12 megapixels, made by code: soft shapes and the noise of a sensor."""
    chance, path = np.random.default_rng(0), folder / "camera_photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            shapes = Image.fromarray(chance.integers(0, 256, (30, 40, 3), np.uint8))
            photo = np.asarray(shapes.resize((4000, 3000), Image.Resampling.BICUBIC), np.int16)
            noise = chance.integers(-6, 7, photo.shape, np.int16)
            data = io.BytesIO()
            Image.fromarray((photo + noise).clip(0, 255).astype(np.uint8)).save(
                data, "JPEG", quality=90
            )
            archive.writestr(f"{number % 2}/{number}.jpg", data.getvalue())
    return path


def ours(path: Path, *, pixels: bool) -> float:
    """Seconds from the zip to the stored data set, or on to the pixels of all its images."""
    with tempfile.TemporaryDirectory() as home, stopwatch() as seconds:
        data = dataset.ingest(path, home=Path(home))
        if pixels:
            dataset.pixels(Path(home), data, TRANSFORM)
        return seconds()


def files_in(path: Path) -> list[bytes]:
    """The image files in a zip."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.rpartition(".")[2].lower() in ENDINGS]
        return [archive.read(name) for name in names]


def from_memory(
    pool: ThreadPoolExecutor, files: list[bytes], work: Callable[[bytes], object]
) -> float:
    """Seconds to decode image files on a thread for each core."""
    with stopwatch() as seconds:
        list(pool.map(lambda start: [work(data) for data in files[start::CORES]], range(CORES)))
        return seconds()


def whole(data: bytes) -> Image.Image:
    """Decode an image as most programs do."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def resized(data: bytes) -> np.ndarray:
    """Decode an image at full size, then scale it to network input."""
    return images.apply(whole(data), TRANSFORM)


def main() -> None:
    """Run all sides on each set."""
    parser = options(__doc__, "ingest")
    parser.add_argument("data", type=Path, nargs="*")
    chosen = parser.parse_args()
    rows, claims, figures, comparisons = [], [], [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(CORES) as threads,
    ):
        paths = chosen.data or [*map(shared_zip, SETS), camera_photos(Path(folder))]
        for path in paths:
            files = files_in(path)
            found = compare(path.name, "s", {
                OURS: lambda path=path: ours(path, pixels=False),
                DECODED: lambda files=files: from_memory(threads, files, whole),
                OURS_PIXELS: lambda path=path: ours(path, pixels=True),
                RESIZED: lambda files=files: from_memory(threads, files, resized),
            }, chosen.rounds)  # fmt: skip
            comparisons.append(found)
            rows += rows_of(found, DECODED)
            figures.append(drawn(found))
            ratio = found.ratio(OURS, DECODED)
            claims.append(Claim(f"{path.name}: ingest over decoding", ratio, at_most=1.2))
    tell("Ingest beside decoding", rows, claims, figures, [load(*comparisons)], chosen.page)


if __name__ == "__main__":
    main()
