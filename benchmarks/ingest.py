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

from benchmarks.report import (
    Claim,
    build_parser,
    describe_load,
    draw_comparison,
    find_shared_zip,
    summarise_sides,
    write_report,
)
from benchmarks.sides import compare, stopwatch
from transfer_core import dataset, images
from transfer_core.images import IMAGE_EXTENSIONS

IMAGE_SETS = ("new_photos_20_large.zip", "ants_bees.zip")
CORES = os.cpu_count() or 1
TRANSFORM = images.Transform(64)
OURS, OURS_PIXELS = "ours: ingest", "ours: to network input"
DECODED, RESIZED = "decoding from memory", "decoding and resizing"


def make_camera_photos(folder: Path, count: int = 80) -> Path:
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


def measure_ours(path: Path, *, with_pixels: bool) -> float:
    """Seconds from the zip to the stored data set, or on to the pixels of all its images."""
    with tempfile.TemporaryDirectory() as home, stopwatch() as seconds:
        data = dataset.ingest(path, home=Path(home))
        if with_pixels:
            dataset.load_pixels(Path(home), data, TRANSFORM)
        return seconds()


def read_image_files(path: Path) -> list[bytes]:
    """The image files in a zip."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.rpartition(".")[2].lower() in IMAGE_EXTENSIONS]
        return [archive.read(name) for name in names]


def measure_decoding(
    pool: ThreadPoolExecutor, files: list[bytes], work: Callable[[bytes], object]
) -> float:
    """Seconds to decode image files on a thread for each core."""
    with stopwatch() as seconds:
        list(pool.map(lambda start: [work(data) for data in files[start::CORES]], range(CORES)))
        return seconds()


def decode_full_size(data: bytes) -> Image.Image:
    """Decode an image as most programs do."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def decode_and_resize(data: bytes) -> np.ndarray:
    """Decode an image at full size, then scale it to network input."""
    return images.apply_transform(decode_full_size(data), TRANSFORM)


def main() -> None:
    """Run all sides on each set."""
    parser = build_parser(__doc__, "ingest")
    parser.add_argument("data", type=Path, nargs="*")
    chosen = parser.parse_args()
    rows, claims, figures, comparisons = [], [], [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(CORES) as threads,
    ):
        paths = chosen.data or [*map(find_shared_zip, IMAGE_SETS), make_camera_photos(Path(folder))]
        for path in paths:
            files = read_image_files(path)
            comparison = compare(
                path.name,
                "s",
                {
                    OURS: lambda path=path: measure_ours(path, with_pixels=False),
                    DECODED: lambda files=files: measure_decoding(threads, files, decode_full_size),
                    OURS_PIXELS: lambda path=path: measure_ours(path, with_pixels=True),
                    RESIZED: lambda files=files: measure_decoding(
                        threads, files, decode_and_resize
                    ),
                },
                chosen.rounds,
            )
            comparisons.append(comparison)
            rows += summarise_sides(comparison, DECODED)
            figures.append(draw_comparison(comparison))
            ratio = comparison.ratio(OURS, DECODED)
            claims.append(Claim(f"{path.name}: ingest over decoding", ratio, at_most=1.2))
    write_report(
        "Ingest beside decoding", rows, claims, figures, [describe_load(*comparisons)], chosen.page
    )


if __name__ == "__main__":
    main()
