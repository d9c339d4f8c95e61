"""(b) Embedding images once beside the bare forward pass in the best number format.

    python -m benchmarks.embedding [--network demonstration] [--images 2048]

Ours reads pixels from the memory-mapped cache, normalises, pools and collects the embeddings of
the last stage that is kept. The bare loop runs the same stages on one normalised batch that
lies in memory, in the format and with the batch size that are fastest here, and keeps nothing.
Pixels and weights are random: only speed counts, and it does not depend on them.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.report import (
    Claim,
    build_parser,
    describe_load,
    draw_comparison,
    summarise_sides,
    write_report,
)
from benchmarks.sides import Comparison, compare, stopwatch
from transfer_core.features import embed, normalise
from transfer_core.networks import SourceNetwork, build_untrained, get_network

BATCH_SIZES = (16, 32, 64, 128)  # images
TUNING_IMAGES = 256  # images, to find the fastest batch


def measure_ours(network: nn.Sequential, pixels: np.ndarray, source: SourceNetwork) -> float:
    """Return the images per second of this package's embedding, decoded images to arrays."""
    top = source.stage_names[-2]
    with stopwatch() as seconds:
        embed(network, pixels, source, (top,))
        return len(pixels) / seconds()


@torch.inference_mode()
def measure_bare_loop(stages: nn.Sequential, batch: torch.Tensor, images: int) -> float:
    """Return the images per second of a bare forward pass in float32 over one batch."""
    steps = -(-images // len(batch))
    with stopwatch() as seconds:
        for _ in range(steps):
            stages(batch)
        return steps * len(batch) / seconds()


def main() -> None:
    """Find the fastest bare loop, then run both sides in turn."""
    parser = build_parser(__doc__, "embedding")
    parser.add_argument("--network", default="demonstration")
    parser.add_argument("--images", type=int, default=2048)
    chosen = parser.parse_args()
    source = get_network(chosen.network)
    network = build_untrained(source, num_classes=len(source.card["classes"])).eval()
    stages = network[:-1]
    with tempfile.TemporaryDirectory() as folder:
        shape = chosen.images, source.input_size, source.input_size, 3
        kept = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        np.save(Path(folder) / "pixels.npy", kept)
        pixels = np.load(Path(folder) / "pixels.npy", mmap_mode="r")
        batches = {size: normalise(kept[:size], source) for size in BATCH_SIZES}
        speed = {n: measure_bare_loop(stages, batches[n], TUNING_IMAGES) for n in BATCH_SIZES}
        size = max(speed, key=speed.get)
        other, mine = f"bare forward pass, batches of {size}", "ours"
        comparison = compare(
            f"Embedding, {source.title}",
            "images/s",
            {
                mine: lambda: measure_ours(network, pixels, source),
                other: lambda: measure_bare_loop(stages, batches[size], chosen.images),
            },
            chosen.rounds,
        )
    report_sides(comparison, mine, other, chosen.page)


def report_sides(comparison: Comparison, mine: str, other: str, page: Path) -> None:
    """Write the page with the speeds of both sides."""
    claim = Claim(
        "time of ours over the bare forward pass", comparison.ratio(other, mine), at_most=1.3
    )
    notes = [
        describe_load(comparison),
        f"Threads of torch: {torch.get_num_threads()}. Random weights.",
    ]
    write_report(
        "Embedding",
        summarise_sides(comparison, other),
        [claim],
        [draw_comparison(comparison)],
        notes,
        page,
    )


if __name__ == "__main__":
    main()
