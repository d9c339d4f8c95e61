"""(d) Taking a zip in beside decoding its images on all cores, and the way to network input.

    python -m benchmarks.ingest [DATA.zip ...] [--rounds 5]

Ours reads the zip, checks every image to its last code, hashes, splits and stores it in a new
data folder. The other side decodes the same files, which lie in memory already, with Pillow on
threads, and keeps nothing. For comparison, the same from the zip by the standard library, in
processes that were started before. Beside it the way to the demonstration network's input:
ours from the zip to the pixel cache, against decoding at full size and resizing from memory.
"""

import io
import os
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
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
THREADS, RESIZED = "decoding from memory, threads", "decoding and resizing from memory, threads"
PROCESSES = "unzipping and decoding, processes"


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
            images.pixels(Path(home), data, TRANSFORM)
        return seconds()


def from_memory(pool: ThreadPoolExecutor, path: Path, work: Callable[[bytes], object]) -> float:
    """Seconds to decode every image of a zip on threads, once their bytes are in memory."""
    with zipfile.ZipFile(path) as archive:
        files = [archive.read(name) for name in image_names(archive)]
    with stopwatch() as seconds:
        list(pool.map(lambda start: [work(data) for data in files[start::CORES]], range(CORES)))
        return seconds()


def from_zip(pool: ProcessPoolExecutor, path: Path) -> float:
    """Seconds to read and decode every image of a zip in processes."""
    with stopwatch() as seconds:
        list(pool.map(_decode_share, [path] * CORES, range(CORES)))
        return seconds()


def _decode_share(path: Path, start: int) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in image_names(archive)[start::CORES]:
            whole(archive.read(name))


def image_names(archive: zipfile.ZipFile) -> list[str]:
    """The images in a zip."""
    return [n for n in archive.namelist() if n.rpartition(".")[2].lower() in ENDINGS]


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
        ProcessPoolExecutor(CORES) as processes,
    ):
        paths = chosen.data or [*map(shared_zip, SETS), camera_photos(Path(folder))]
        for path in paths:
            found = compare(path.name, "s", {
                OURS: lambda path=path: ours(path, pixels=False),
                THREADS: lambda path=path: from_memory(threads, path, whole),
                PROCESSES: lambda path=path: from_zip(processes, path),
                OURS_PIXELS: lambda path=path: ours(path, pixels=True),
                RESIZED: lambda path=path: from_memory(threads, path, resized),
            }, chosen.rounds)  # fmt: skip
            comparisons.append(found)
            rows += rows_of(found, THREADS)
            figures.append(drawn(found))
            ratio = found.ratio(OURS, THREADS)
            claims.append(Claim(f"{path.name}: ingest over decoding", ratio, at_most=1.2))
    tell("Ingest beside decoding", rows, claims, figures, [load(*comparisons)], chosen.page)


if __name__ == "__main__":
    main()
