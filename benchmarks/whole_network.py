"""(c) Whole-network training beside a bare forward-backward-step loop, in one process.

    python -m benchmarks.whole_network [DATA.zip] [--rounds 5] [--images 2048]

Both sides train the same network with the same optimiser on the same number of images, in the
number format that a run takes here. Ours reads the pixel cache, shuffles, augments, normalises,
counts and reports; the bare loop gets one normalised batch that lies in memory.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

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
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.features import normalise
from transfer_core.networks import adapt, get_network
from transfer_core.system import autocast, choose_precision, keep_freed_memory
from transfer_core.training import Ended, train_whole_network

OURS, BARE = "ours", "bare step"


def measure_ours(data, pixels, chosen, source, strategy) -> float:
    """Images per second of one epoch, as the run itself reports them."""
    events = train_whole_network(
        adapt(source, strategy, len(data.classes), seed=0),
        pixels,
        data.labels,
        chosen,
        chosen[:2],
        strategy,
        source,
        seed=0,
        class_weights=None,
        stop_requested=lambda: False,
        precision=choose_precision(),
    )
    return next(e.images_per_second for e in events if isinstance(e, Ended))


def measure_bare_loop(data, pixels, chosen, source, strategy) -> float:
    """Images per second of forward, backward and step on one batch in memory."""
    network = adapt(source, strategy, len(data.classes), seed=0)
    network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    size, number_format = strategy.optimiser.batch_size, choose_precision()
    batch = normalise(pixels[np.sort(chosen[:size])], source)
    labels = torch.from_numpy(data.labels[np.sort(chosen[:size])])
    steps = len(chosen) // size
    with stopwatch() as seconds:
        for _ in range(steps):
            with autocast(number_format):
                logits = network(batch).float()
            loss = functional.cross_entropy(logits, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()
        return steps * size / seconds()


def main() -> None:
    """Run both sides in turn."""
    parser = build_parser(__doc__, "whole_network")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--images", type=int, default=2048)
    options_ = parser.parse_args()
    keep_freed_memory()  # as every engine does; it serves both sides
    source = get_network("demonstration")
    strategy = plan_strategy(TransferCase.LARGE_SIMILAR, source.stage_names, kind=source.kind)
    one_epoch = replace(strategy.optimiser, epochs=1)
    strategy = replace(strategy, optimiser=one_epoch)
    with tempfile.TemporaryDirectory() as home:
        path = options_.data or find_shared_zip("new_photos_20_large.zip")
        data = dataset.ingest(path, home=Path(home))
        pixels = dataset.load_pixels(Path(home), data, images.Transform(source.input_size))
        given = data, pixels, data.indices("train")[: options_.images], source, strategy
        sides = {OURS: lambda: measure_ours(*given), BARE: lambda: measure_bare_loop(*given)}
        comparison = compare("Training the whole network", "images/s", sides, options_.rounds)
    claim = Claim("ours over the bare step", comparison.ratio(OURS, BARE), at_least=0.95)
    notes = [
        describe_load(comparison),
        f"Computed in {choose_precision()}; threads of torch: {torch.get_num_threads()}.",
    ]
    write_report(
        "Fine-tuning",
        summarise_sides(comparison, BARE),
        [claim],
        [draw_comparison(comparison)],
        notes,
        options_.page,
    )


if __name__ == "__main__":
    main()
