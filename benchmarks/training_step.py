"""What makes a training step of a whole network faster on a processor, side by side.

    python -m benchmarks.training_step [--network efficientnet_lite0] [--rounds 3] [--compile]

A step is forward, backward and AdamW on one normalised batch that lies in memory. Sides differ in
number format, memory format, batch normalisation, input size, and in how OpenMP's threads wait:
spinning, or asleep (OMP_WAIT_POLICY=PASSIVE), alone and beside another process that computes. With
--compile torch.compile's C++ code is timed too, and what it saves in 10 epochs of 300 photos.
"""

import copy
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmarks.report import (
    Row,
    build_parser,
    describe_load,
    draw_comparison,
    summarise_sides,
    write_report,
)
from benchmarks.sides import Side, compare, stopwatch
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.networks import SourceNetwork, adapt, find_batch_norms, get_network
from transfer_core.system import WAIT_VARIABLE, Precision, autocast, keep_freed_memory

ROOT = Path(__file__).resolve().parents[1]
NUM_CLASSES, BATCH = 5, 16
STEPS = 2  # in one measurement of a side
PHOTOS = 300  # for which the epochs of a compiled network are counted
PLAIN = "224, float32, channels first"
COMPILE_STEPS = 5
STEP_COMMAND = "from benchmarks.training_step import print_speed; print_speed({!r})"
BUSY_COMMAND = (
    "import torch; x = torch.randn(8, 64, 56, 56); layer = torch.nn.Conv2d(64, 64, 3)\n"
    "while True: layer(x)"
)


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to compute a step."""

    size: int  # pixels
    precision: Precision = "float32"
    channels_last: bool = True
    batch_norm: str = "moving"  # or "frozen": its statistics; or "folded" into the convolution


VARIANTS = {
    PLAIN: Variant(224, channels_last=False),
    "224, float32": Variant(224),
    "224, bfloat16": Variant(224, "bfloat16"),
    "224, float32, statistics frozen": Variant(224, batch_norm="frozen"),
    "224, bfloat16, statistics frozen": Variant(224, "bfloat16", batch_norm="frozen"),
    "224, float32, frozen and folded": Variant(224, batch_norm="folded"),
    "224, bfloat16, frozen and folded": Variant(224, "bfloat16", batch_norm="folded"),
    "160, float32, statistics frozen": Variant(160, batch_norm="frozen"),
    "160, bfloat16, statistics frozen": Variant(160, "bfloat16", batch_norm="frozen"),
    "128, float32, statistics frozen": Variant(128, batch_norm="frozen"),
    "128, bfloat16, statistics frozen": Variant(128, "bfloat16", batch_norm="frozen"),
}


def build_step(source: SourceNetwork, variant: Variant, *, compiled: bool = False):
    """Return a function that takes one training step."""
    source = source.with_input_size(variant.size)
    strategy = plan_strategy(TransferCase.LARGE_SIMILAR, source.stage_names, kind=source.kind)
    network = adapt(source, strategy, NUM_CLASSES, seed=0)
    if variant.batch_norm == "folded":
        network = fold_batch_norms(network)
    network.train()
    if variant.batch_norm == "frozen":
        for norm in find_batch_norms(network):
            norm.eval()
    layout = torch.channels_last if variant.channels_last else torch.contiguous_format
    network.to(memory_format=layout)
    inputs = torch.randn(BATCH, 3, variant.size, variant.size).to(memory_format=layout)
    labels = torch.arange(BATCH) % NUM_CLASSES
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    if compiled:
        network.compile()

    def take_step() -> None:
        with autocast(variant.precision):
            logits = network(inputs).float()
        optimiser.zero_grad()
        functional.cross_entropy(logits, labels).backward()
        optimiser.step()

    return take_step


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Return a copy in which each batch norm is part of the convolution before it."""
    network = copy.deepcopy(network).eval()
    for parent in list(network.modules()):
        children = list(parent.named_children())
        for (name, layer), (norm_name, norm) in zip(children, children[1:], strict=False):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                folded = fuse_conv_bn_eval(layer, norm)
                setattr(parent, name, folded.requires_grad_())
                setattr(parent, norm_name, nn.Identity())
    return network


def make_side(take_step: Callable[[], None], steps: int = STEPS) -> Side:
    """Return a function that measures images per second."""

    def measure() -> float:
        with stopwatch() as seconds:
            for _ in range(steps):
                take_step()
            return steps * BATCH / seconds()

    return measure


def print_speed(network: str) -> None:
    """Print images per second of a step at 128 pixels; called in a process of its own."""
    take_step = build_step(get_network(network), VARIANTS["128, float32, statistics frozen"])
    take_step()  # the first step prepares
    print(statistics.median(make_side(take_step, steps=1)() for _ in range(3)))


def make_waiting_sides(network: str) -> dict[str, Side]:
    """Sides in processes of their own, whose threads wait in two ways, alone and not."""

    usual = {name: value for name, value in os.environ.items() if name != WAIT_VARIABLE}
    asleep = usual | {WAIT_VARIABLE: "PASSIVE"}

    def measure(environment: dict[str, str], busy: bool) -> float:
        with busy_process(busy):
            command = [sys.executable, "-c", STEP_COMMAND.format(network)]
            result = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            return float(result.stdout)

    return {
        "128, threads spin, alone": lambda: measure(usual, False),
        "128, threads sleep, alone": lambda: measure(asleep, False),
        "128, threads spin, beside another": lambda: measure(usual, True),
        "128, threads sleep, beside another": lambda: measure(asleep, True),
    }


@contextmanager
def busy_process(wanted: bool) -> Iterator[None]:
    """Run a process that computes on all cores meanwhile, if wanted."""
    if not wanted:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", BUSY_COMMAND]) as process:
        try:
            yield
        finally:
            process.kill()


def measure_compiled(source: SourceNetwork, name: str) -> Row:
    """Time torch.compile's code beside the same step without it."""
    plain, compiled = (build_step(source, VARIANTS[name], compiled=c) for c in (False, True))
    with stopwatch() as seconds:
        compiled()
        first = seconds()
    plain()
    rates = [(make_side(plain)(), make_side(compiled)()) for _ in range(COMPILE_STEPS)]
    before, after = map(statistics.median, zip(*rates, strict=True))
    saved = PHOTOS / before - PHOTOS / after  # seconds in an epoch
    return {
        "what": "torch.compile, C++",
        "side": name,
        "images/s before": before,
        "images/s after": after,
        "compile, s": first,
        f"saved in 10 epochs of {PHOTOS}, s": 10 * saved,
    }


def main() -> None:
    """Run the sides in turn."""
    parser = build_parser(__doc__, "training_step", rounds=3)
    parser.add_argument("--network", default="efficientnet_lite0")
    parser.add_argument("--compile", action="store_true", help="minutes more")
    options = parser.parse_args()
    keep_freed_memory()  # as every engine does
    source = get_network(options.network)
    sides = {name: make_side(build_step(source, each)) for name, each in VARIANTS.items()}
    steps = compare(f"A training step of {source.title}", "images/s", sides, options.rounds)
    waiting = compare(
        "How threads wait", "images/s", make_waiting_sides(options.network), 2, warm_up=False
    )
    rows = summarise_sides(steps, PLAIN) + summarise_sides(waiting, next(iter(waiting.figures)))
    if options.compile:
        rows.append(measure_compiled(source, "128, float32, statistics frozen"))
    notes = [
        describe_load(steps, waiting),
        f"Batches of {BATCH}; threads of torch: {torch.get_num_threads()}.",
    ]
    figures = [draw_comparison(steps), draw_comparison(waiting)]
    write_report("Training steps", rows, [], figures, notes, options.page)


if __name__ == "__main__":
    main()
