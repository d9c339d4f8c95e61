"""Whole-network training beside a bare forward-backward-step loop, in one process.

    python -m benchmarks.whole_network DATA.zip [--rounds 5] [--images 2048]

Both sides train the same network with the same optimiser on the same number of images.
Ours reads the pixel cache, shuffles, augments, normalises, counts and reports; the bare
loop gets one normalised batch that lies in memory. Prints images per second and the ratio.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from transfer_core import dataset, images
from transfer_core.cases import TransferCase, plan
from transfer_core.embedding import normalise
from transfer_core.home import home
from transfer_core.networks import get
from transfer_core.surgery import operate
from transfer_core.training.events import Ended
from transfer_core.training.whole_network import train_whole_network


def ours(data, pixels, chosen, source, strategy) -> float:
    """Images per second of one epoch, as the run itself reports them."""
    events = train_whole_network(
        operate(source, strategy, len(data.classes), seed=0), pixels, data.labels, chosen,
        chosen[:2], strategy, source, seed=0, class_weights=None, stop_requested=lambda: False,
    )  # fmt: skip
    return next(e.images_per_second for e in events if isinstance(e, Ended))


def bare(data, pixels, chosen, source, strategy) -> float:
    """Images per second of forward, backward and step on one batch in memory."""
    network = operate(source, strategy, len(data.classes), seed=0)
    network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    size = strategy.optimiser.batch_size
    batch = normalise(pixels[np.sort(chosen[:size])], source)
    labels = torch.from_numpy(data.labels[np.sort(chosen[:size])])
    steps = len(chosen) // size
    began = time.perf_counter()
    for _ in range(steps):
        loss = functional.cross_entropy(network(batch), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()
    return steps * size / (time.perf_counter() - began)


def main() -> None:
    """Run both sides in turn and print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=2048)
    options = parser.parse_args()
    data = dataset.ingest(options.data, home=home())
    source = get("demonstration")
    pixels = images.pixels(home(), data, images.Transform(source.input_size))
    strategy = plan(TransferCase.LARGE_SIMILAR, source.stage_names)
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, epochs=1))
    chosen = data.indices("train")[: options.images]
    rows = []
    for _ in range(options.rounds + 1):
        rows.append([side(data, pixels, chosen, source, strategy) for side in (ours, bare)])
        print(
            "ours {:.0f}, bare {:.0f} images/s, ratio {:.3f}".format(
                *rows[-1], rows[-1][0] / rows[-1][1]
            )
        )
    rows = rows[1:]  # the first round warms up
    first, second = (statistics.median(column) for column in zip(*rows, strict=True))
    ratio = statistics.median(a / b for a, b in rows)
    print(f"median: ours {first:.0f}, bare {second:.0f} images/s, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
