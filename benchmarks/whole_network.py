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

from benchmarks.report import Claim, drawn, load, options, rows_of, shared_zip, tell
from benchmarks.sides import compare, stopwatch
from transfer_core import dataset, images
from transfer_core.cases import TransferCase, plan
from transfer_core.features.embedding import normalise
from transfer_core.networks import get
from transfer_core.networks.surgery import operate
from transfer_core.system.memory import keep_freed_memory
from transfer_core.system.precision import computed_in, fastest
from transfer_core.training.events import Ended
from transfer_core.training.whole_network import train_whole_network

OURS, BARE = "ours", "bare step"


def ours(data, pixels, chosen, source, strategy) -> float:
    """Images per second of one epoch, as the run itself reports them."""
    events = train_whole_network(
        operate(source, strategy, len(data.classes), seed=0), pixels, data.labels, chosen,
        chosen[:2], strategy, source, seed=0, class_weights=None, stop_requested=lambda: False,
        number_format=fastest(),
    )  # fmt: skip
    return next(e.images_per_second for e in events if isinstance(e, Ended))


def bare(data, pixels, chosen, source, strategy) -> float:
    """Images per second of forward, backward and step on one batch in memory."""
    network = operate(source, strategy, len(data.classes), seed=0)
    network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    size, number_format = strategy.optimiser.batch_size, fastest()
    batch = normalise(pixels[np.sort(chosen[:size])], source)
    labels = torch.from_numpy(data.labels[np.sort(chosen[:size])])
    steps = len(chosen) // size
    with stopwatch() as seconds:
        for _ in range(steps):
            with computed_in(number_format):
                logits = network(batch).float()
            loss = functional.cross_entropy(logits, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()
        return steps * size / seconds()


def main() -> None:
    """Run both sides in turn."""
    parser = options(__doc__, "whole_network")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--images", type=int, default=2048)
    options_ = parser.parse_args()
    keep_freed_memory()  # as every engine does; it serves both sides
    source = get("demonstration")
    strategy = plan(TransferCase.LARGE_SIMILAR, source.stage_names)
    one_epoch = replace(strategy.optimiser, epochs=1)
    strategy = replace(strategy, optimiser=one_epoch, fall_back=False)
    with tempfile.TemporaryDirectory() as home:
        path = options_.data or shared_zip("new_photos_20_large.zip")
        data = dataset.ingest(path, home=Path(home))
        pixels = dataset.pixels(Path(home), data, images.Transform(source.input_size))
        given = data, pixels, data.indices("train")[: options_.images], source, strategy
        sides = {OURS: lambda: ours(*given), BARE: lambda: bare(*given)}
        found = compare("Training the whole network", "images/s", sides, options_.rounds)
    claim = Claim("ours over the bare step", found.ratio(OURS, BARE), at_least=0.95)
    notes = [load(found), f"Computed in {fastest()}; threads of torch: {torch.get_num_threads()}."]
    tell("Fine-tuning", rows_of(found, BARE), [claim], [drawn(found)], notes, options_.page)


if __name__ == "__main__":
    main()
