"""(e) Memory and time of indexing many small images.

    python -m benchmarks.indexing [--images 10000 100000 1000000]

Makes zips of different tiny PNGs by code in a temporary folder, takes each in, in a process of
its own, and reads the process's peak memory and seconds; a second process loads the index, as
the app does when it opens a data set that is known. Time must grow linearly; memory beyond
what the processes need for no images at all must be the index's, in proportion to the images.
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import plotly.graph_objects as go

from benchmarks.report import Row, build_parser, write_report
from transfer_core.figures import apply_layout

CLASSES, SIDE_PIXELS = 10, 8
MIN_FREE_BYTES = 20 * 1024**3  # bytes that must remain on the disk
MAX_BYTES_PER_IMAGE = 1_000  # at most, of the zip, the pack and the index together
CHILD_SCRIPT = """
import json, sys, time
from pathlib import Path
from transfer_core import dataset
def status(key):
    line = next(l for l in open("/proc/self/status") if l.startswith(key))
    return int(line.split()[1]) * 1024
before, began = status("VmRSS"), time.perf_counter()
{work}
print(json.dumps(dict(seconds=time.perf_counter() - began, peak=status("VmHWM") - before,
                      kept=status("VmRSS") - before, images=len(data.records), id=data.id)))
"""
INGEST_SCRIPT = CHILD_SCRIPT.format(
    work="data = dataset.ingest(Path(sys.argv[1]), home=Path(sys.argv[2]))"
)
LOAD_SCRIPT = CHILD_SCRIPT.format(work="data = dataset.load(Path(sys.argv[2]), sys.argv[1])")


def make_png(number: int) -> bytes:
    """A PNG of one colour that no other number has."""
    line = b"\0" + number.to_bytes(3, "big") * SIDE_PIXELS
    header = struct.pack(">2L5B", SIDE_PIXELS, SIDE_PIXELS, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(line * SIDE_PIXELS, 1)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def make_zip(path: Path, images: int) -> None:
    """A zip of that many different images in class folders."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(images):
            name = f"class{number % CLASSES}/image{number:07}.png"
            archive.writestr(name, make_png(number))


def run_child(code: str, *arguments: object) -> dict:
    """Run code in a process of its own; returns what it measured."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    limits = {"TRANSFER_ARCHIVE_ENTRIES": "2000000"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | limits
    )
    return json.loads(done.stdout)


def measure_indexing(images: int) -> Row:
    """Take in one set and load it again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < MIN_FREE_BYTES + images * MAX_BYTES_PER_IMAGE:
            raise SystemExit(f"Not enough disk for {images:,} images; 20 GB must remain free.")
        make_zip(folder / "images.zip", images)
        load = os.getloadavg()[0]
        taken = run_child(INGEST_SCRIPT, folder / "images.zip", folder / "home")
        loaded = run_child(LOAD_SCRIPT, taken["id"], folder / "home")
    if taken["images"] != images:
        raise SystemExit(f"{images:,} images were made and {taken['images']:,} taken in.")
    return {
        "images": images,
        "seconds": taken["seconds"],
        "images/s": images / taken["seconds"],
        "peak, MB": taken["peak"] / 1e6,
        "peak, bytes/image": taken["peak"] / images,
        "index, MB": loaded["kept"] / 1e6,
        "index, bytes/image": loaded["kept"] / images,
        "peak over index": taken["peak"] / loaded["kept"],
        "loading, s": loaded["seconds"],
        "load average": load,
    }


def draw_scaling(rows: list[Row], column: str) -> go.Figure:
    """One column over the number of images, both logarithmic."""
    figure = go.Figure()
    x = [row["images"] for row in rows]
    figure.add_scatter(x=x, y=[row[column] for row in rows], mode="lines+markers", name="measured")
    proportional = [rows[-1][column] * count / x[-1] for count in x]
    figure.add_scatter(x=x, y=proportional, line={"dash": "dot"}, name="in proportion to the last")
    figure.update_xaxes(type="log", title="images").update_yaxes(type="log", title=column)
    return apply_layout(figure, f"Indexing: {column}")


def main() -> None:
    """Measure each size, the smallest first."""
    parser: argparse.ArgumentParser = build_parser(__doc__, "indexing", rounds=1)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    chosen = parser.parse_args()
    rows = [measure_indexing(images) for images in sorted(chosen.images)]
    figures = [draw_scaling(rows, column) for column in ("seconds", "peak, MB")]
    write_report("Indexing many small images", rows, [], figures, [], chosen.page)


if __name__ == "__main__":
    main()
