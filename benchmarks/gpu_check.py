"""What a GPU gives, in about a minute: embedding and training everything beside bare loops.

    python -m benchmarks.gpu_check [--network resnet50 --network efficientnet_lite0] [--rounds 3]

For each network: images per second of our embedding beside bare forward passes, and of our epoch
of training beside bare steps, both on the device that torch finds and in the precision that a run
takes there. Training is timed once more as the only rank of a run on several devices, with the
exchange of gradients and the synchronised batch norm: what these cost beside the network between
devices. Ours reads pixels from memory, shuffles, augments, normalises, counts and reports; the
bare loops have one batch on the device already. Last, how far the features differ from the
processor's. Weights are random: speed does not depend on them. It needs neither Streamlit nor
Plotly.
"""

import argparse
import copy
import json
import os
import platform
from argparse import RawDescriptionHelpFormatter
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.sides import compare, stopwatch
from transfer_core.cases import Strategy, TransferCase, plan_strategy
from transfer_core.features import embed_with_runtime, make_runtime, normalise
from transfer_core.networks import SourceNetwork, adapt, build_untrained, get_network
from transfer_core.system import (
    ALONE,
    Precision,
    Ranks,
    autocast,
    choose_device,
    choose_precision,
)
from transfer_core.training import Ended, train_whole_network

NETWORKS = ("resnet50", "efficientnet_lite0")
IMAGES = 2048
NUM_CLASSES = 10
BATCH = 64  # images, of the bare forward passes
COMPARED = 32  # images, embedded on both devices
OURS, BARE, ONE_RANK = "ours", "bare", "one rank"


@dataclass(frozen=True)
class GpuCheck:
    """A network on the device, and random images for it."""

    source: SourceNetwork
    strategy: Strategy
    device: str
    precision: Precision
    pixels: np.ndarray  # uint8, (N, H, W, 3)
    labels: np.ndarray  # int64, (N,)

    @property
    def stage(self) -> str:
        """The last stage that is kept."""
        return self.source.stage_names[-2]

    def build(self) -> nn.Sequential:
        """Return the network, untrained and on the device."""
        return build_untrained(self.source, NUM_CLASSES).to(self.device)

    def measure_embedding(self, network: nn.Sequential) -> float:
        """Return the images per second of our embedding, pixels to arrays."""
        with stopwatch() as seconds:
            self.embed(network, self.pixels)
            return IMAGES / seconds()

    def embed(self, network: nn.Sequential, pixels: np.ndarray) -> np.ndarray:
        """Return the features of the last stage that is kept, float32 (N, D)."""
        runtime = make_runtime("torch", "the check asks for it")
        found = embed_with_runtime(network, pixels, self.source, (self.stage,), runtime=runtime)
        return found[self.stage]

    @torch.inference_mode()
    @torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    def measure_forward(self, network: nn.Sequential) -> float:
        """Return the images per second of float32 forward passes over one batch on the device."""
        batch = normalise(self.pixels[:BATCH], self.source).to(self.device)
        stages = network[:-1]
        stages(batch)
        self.wait()
        with stopwatch() as seconds:
            for _ in range(IMAGES // BATCH):
                stages(batch)
            self.wait()
            return IMAGES / seconds()

    def measure_training(self, ranks: Ranks = ALONE) -> float:
        """Return the images per second of one epoch, as a run reports them."""
        chosen = np.arange(IMAGES)
        events = train_whole_network(
            self.adapt(),
            self.pixels,
            self.labels,
            chosen,
            chosen[:2],
            self.strategy,
            self.source,
            seed=0,
            class_weights=None,
            stop_requested=lambda: False,
            precision=self.precision,
            ranks=ranks,
        )
        with ranks.connect(self.device):
            return next(e.images_per_second for e in events if isinstance(e, Ended))

    def measure_one_rank(self) -> float:
        """Return the same of a rank that exchanges everything with nobody."""
        return self.measure_training(Ranks(store=torch.distributed.HashStore(), is_local=True))

    def measure_steps(self) -> float:
        """Return the images per second of forward, backward and step on one batch there."""
        network = self.adapt().to(memory_format=torch.channels_last).train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
        size = self.strategy.optimiser.batch_size
        batch = normalise(self.pixels[:size], self.source).to(self.device)
        batch = batch.contiguous(memory_format=torch.channels_last)
        labels = torch.from_numpy(self.labels[:size]).to(self.device)

        def step() -> None:
            with autocast(self.precision, self.device):
                logits = network(batch).float()
            loss = functional.cross_entropy(logits, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

        step()
        self.wait()
        with stopwatch() as seconds:
            for _ in range(IMAGES // size):
                step()
            self.wait()
            return IMAGES // size * size / seconds()

    def adapt(self) -> nn.Sequential:
        """Return the network of case 4 on the device."""
        return adapt(self.source, self.strategy, NUM_CLASSES, seed=0).to(self.device)

    def wait(self) -> None:
        """Wait for what the device was told to compute."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def measure_difference(self, network: nn.Sequential) -> float:
        """Return how far features of device and processor differ, relative to the largest."""
        pixels = self.pixels[:COMPARED]
        there = self.embed(network, pixels)
        here = self.embed(copy.deepcopy(network).to("cpu"), pixels)
        return float(np.abs(there - here).max() / np.abs(here).max())


def make_check(network: str) -> GpuCheck:
    """Draw random images for a network."""
    source, device = get_network(network), choose_device()
    strategy = plan_strategy(
        TransferCase.LARGE_DIFFERENT, source.stage_names, initialise="random", kind=source.kind
    )
    epoch = replace(strategy.optimiser, epochs=1)
    random, size = np.random.default_rng(0), source.input_size
    return GpuCheck(
        source,
        replace(strategy, optimiser=epoch),
        device,
        choose_precision(device),
        random.integers(0, 256, (IMAGES, size, size, 3), dtype=np.uint8),
        random.integers(0, NUM_CLASSES, IMAGES),
    )


def describe_device(device: str) -> str:
    """Return the name of the device, and torch's version."""
    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor()
    return f"{name}, {os.cpu_count()} cores, torch {torch.__version__}"


def main() -> None:
    """Check every network, and print a line of JSON for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", action="append", help="may be given again")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for name in options.network or NETWORKS:
        check = make_check(name)
        network = check.build()
        sides = {
            "embedding": {
                OURS: partial(check.measure_embedding, network),
                BARE: partial(check.measure_forward, network),
            },
            "training": {
                OURS: check.measure_training,
                BARE: check.measure_steps,
                ONE_RANK: check.measure_one_rank,
            },
        }
        found = {"network": name, "device": describe_device(check.device)}
        for work, pair in sides.items():
            compared = compare(work, "images/s", pair, options.rounds)
            found[work] = {side: round(compared.median(side)) for side in pair} | {
                "ratio": round(compared.ratio(OURS, BARE), 2)
            }
            if ONE_RANK in pair:
                found[work]["one rank to ours"] = round(compared.ratio(ONE_RANK, OURS), 2)
        found["precision of training"] = check.precision
        found["difference from the processor"] = check.measure_difference(network)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
