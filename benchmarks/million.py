"""A million images in shards: written, opened, embedded, trained on; memory over time.

    python -m benchmarks.million [--images 10000 100000 1000000] [--case 1] [--epochs 5]

Makes a zip of different small PNGs by code in a temporary folder (`--folder` says where), writes it
into shards, opens them, and trains the demonstration network on them, each in a process of its own
that looks at its memory ten times a second: what it holds, without the files that are mapped,
which the system drops when it needs room. A million images take about 6 GB of disk. To be shown:
memory stays flat while images go by, and images a second depend little on their number. Those per
second of the processor do not depend on what else it does.
"""

import io
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from benchmarks.report import Claim, Row, build_parser, write_report
from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.figures import apply_layout
from transfer_core.networks import get_network

CLASSES, SIDE_PIXELS, BLOCKS = 10, 32, 4
LOOK_SECONDS = 0.1
BYTES_PER_IMAGE = 7_000  # of zip, shards, index and embeddings together
MIN_FREE_BYTES = 2 * 1024**3  # that must remain on the disk
MAX_SPREAD = 0.2  # between the speeds of different numbers of images
PHASES = ("writing", "opening", "embedding", "training")
Sample = tuple[float, int, str]  # seconds, bytes held, phase


def make_zip(path: Path, images: int) -> None:
    """A zip of different pictures of coloured blocks; each class prefers a brightness."""
    chance = np.random.default_rng(0)
    enlarge = np.ones((SIDE_PIXELS // BLOCKS, SIDE_PIXELS // BLOCKS, 1), np.uint8)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(images):
            label = number % CLASSES
            blocks = chance.integers(0, 130, (BLOCKS, BLOCKS, 3)) + 12 * label
            data = io.BytesIO()
            Image.fromarray(np.kron(blocks.astype(np.uint8), enlarge)).save(data, "PNG")
            archive.writestr(f"class{label}/{number:07}.png", data.getvalue())


class MemoryWatch:
    """Looks at the memory that this process holds, on a thread of its own."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.phase, self._ended = "", threading.Event()

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Look while the block runs."""
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _look(self) -> None:
        began = time.perf_counter()
        while not self._ended.wait(LOOK_SECONDS):
            status = Path("/proc/self/status").read_text(encoding="ascii")
            held = next(line for line in status.splitlines() if line.startswith("RssAnon"))
            seconds = time.perf_counter() - began
            self.samples.append((seconds, int(held.split()[1]) * 1024, self.phase))


def write(source: Path, address: str) -> tuple[dict[str, float], list[Sample]]:
    """Write shards; returns images a second by phase, and the samples."""
    memory, images = MemoryWatch(), 0

    def report(what: str, done: int, total: int) -> None:
        nonlocal images
        images, memory.phase = total, "writing"

    with memory.watch():
        began = time.perf_counter()
        dataset.write_shards(source, address, progress=report)
    return {"writing": images / (time.perf_counter() - began)}, memory.samples


def train(
    address: str, home: Path, case: int, epochs: int
) -> tuple[dict[str, float], list[Sample]]:
    """Open shards and train on them; returns the same as `write`."""
    from transfer_core.runs import make_run_config, perform_run
    from transfer_core.training import EpochEnded, Preparing

    memory, source = MemoryWatch(), get_network("demonstration")
    with memory.watch():
        began = time.perf_counter()
        data_set = dataset.ingest(address, home=home)
        speeds = {"opening": len(data_set.records) / (time.perf_counter() - began)}
        strategy = plan_strategy(TransferCase(case), source.stage_names, kind=source.kind)
        config = make_run_config(data_set, source, strategy.with_epochs(epochs), 0)
        (home / "run").mkdir()
        steps, embedded = [], []
        for event in perform_run(config, home / "run", home, lambda: False):
            if isinstance(event, Preparing) and event.done and event.what.startswith("Embedding"):
                memory.phase = "embedding"
                embedded.append((time.perf_counter(), time.process_time(), event.done))
            elif isinstance(event, EpochEnded):
                steps.append(event.seconds)
            elif not isinstance(event, Preparing):
                memory.phase = "training"
    (start, used, first), (end, used_in_all, last) = embedded[0], embedded[-1]
    speeds["embedding"] = (last - first) / (end - start)
    speeds["embedding, images per processor second"] = (last - first) / (used_in_all - used)
    speeds["training"] = len(data_set.indices("train")) * len(steps) / sum(steps)
    speeds["test accuracy"] = event.accuracy
    return speeds, memory.samples


def run_alone(function: Callable, *arguments: object):
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def measure(images: int, case: int, epochs: int, place: Path | None) -> tuple[Row, list[Sample]]:
    """All phases with so many images."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < MIN_FREE_BYTES + images * BYTES_PER_IMAGE:
            raise SystemExit(f"There is not enough disk for {images:,} images.")
        make_zip(folder / "images.zip", images)
        address = str(folder / "shards")
        written, samples = run_alone(write, folder / "images.zip", address)
        (folder / "images.zip").unlink()
        (folder / "home").mkdir()
        trained, more = run_alone(train, address, folder / "home", case, epochs)
    samples += [(samples[-1][0] + seconds, *rest) for seconds, *rest in more]
    speeds, row = written | trained, {"images": images}
    for phase in PHASES:
        row[f"{phase}, images/s"] = speeds.pop(phase)
        row |= describe_memory(phase, samples)
    return row | speeds, samples


def describe_memory(phase: str, samples: list[Sample]) -> Row:
    """What a phase held after a quarter of its time and at its end, in MB."""
    held = [size / 1e6 for _, size, name in samples if name == phase]
    return {f"{phase}, MB": f"{held[len(held) // 4]:.0f}-{held[-1]:.0f}"} if held else {}


def draw_memory(images: int, samples: list[Sample]) -> go.Figure:
    """What the process held over time, phase by phase."""
    figure = go.Figure()
    for phase in dict.fromkeys(name for *_, name in samples):
        points = [(seconds, size / 1e6) for seconds, size, name in samples if name == phase]
        x, y = zip(*points, strict=True)
        figure.add_scatter(x=x, y=y, mode="lines", name=phase or "between")
    figure.update_xaxes(title="seconds").update_yaxes(title="MB held", rangemode="tozero")
    return apply_layout(figure, f"{images:,} images: memory over time")


def compare_speeds(rows: list[Row]) -> list[Claim]:
    """How far the speeds of each phase lie apart, as a share of the fastest."""
    spreads = []
    for phase in ("writing", "embedding", "training"):
        speeds = [row[f"{phase}, images/s"] for row in rows]
        spread = 1 - min(speeds) / max(speeds)
        spreads.append(Claim(f"{phase}: spread of the speeds", spread, at_most=MAX_SPREAD))
    return spreads


def main() -> None:
    """Measure each number of images, the smallest first."""
    parser = build_parser(__doc__, "million", rounds=1)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--case", type=int, choices=(1, 3, 4), default=1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="for temporary files")
    chosen = parser.parse_args()
    rows, figures = [], []
    for images in sorted(chosen.images):
        row, samples = measure(images, chosen.case, chosen.epochs, chosen.folder)
        print(row, flush=True)
        rows.append(row)
        figures.append(draw_memory(images, samples))
    write_report("Very many images in shards", rows, compare_speeds(rows), figures, [], chosen.page)


if __name__ == "__main__":
    main()
