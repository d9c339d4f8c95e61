"""(b) Embedding images once, beside a bare ONNX Runtime session and torch in its best format.

    python -m benchmarks.embedding [NETWORK ...] [--images 256]

Ours reads pixels from the memory-mapped cache, normalises, pools and collects the embeddings of
the last stage that is kept. The bare session runs the same stages, with ONNX Runtime's own
options, on one normalised batch that lies in memory, and keeps nothing. Torch runs them on such a
batch too, in the format and with the batch size that are fastest here. Weights are random where
the published ones are not on this machine, and pixels always: speed does not depend on them.

Last, a training step of torch is timed alone and beside a session that is open.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
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
from transfer_core.errors import NetworkError
from transfer_core.features import (
    EmbeddingRuntime,
    build_onnx_graph,
    choose_runtime,
    embed_with_runtime,
    make_runtime,
    normalise,
    open_onnx_session,
)
from transfer_core.networks import (
    SourceNetwork,
    build_untrained,
    get_network,
    load_pretrained,
)
from transfer_core.system import ignore_progress

NETWORKS = ("efficientnet_lite0", "mobilenet_v3_large", "resnet18", "vit_b_32")
OURS, BARE, TORCH = "ours", "bare session", "torch at its best"
ALONE, BESIDE = "training step alone", "beside an open session"
BATCH_SIZES = (8, 16, 32)  # images
FORMATS = {  # of torch: precision, and whether channels come last in memory
    "float32": (torch.float32, False),
    "float32, channels last": (torch.float32, True),
    "bfloat16, channels last": (torch.bfloat16, True),
}
TUNING_IMAGES = 32  # images, to find torch's best format
STEPS, STEP_IMAGES = 20, 32  # of the training beside a session
MIN_SPEED_OF_BARE = 0.9  # ours over the bare session
MIN_SPEED_BESIDE = 0.98  # of a training step beside an open session


@dataclass(frozen=True)
class EmbeddingBenchmark:
    """A network, and the images that all sides embed."""

    source: SourceNetwork
    network: nn.Sequential
    pixels: np.ndarray  # uint8, memory-mapped

    @property
    def stage(self) -> str:
        """The last stage that is kept."""
        return self.source.stage_names[-2]

    def measure_ours(self) -> float:
        """Return the images per second of this package's embedding, decoded images to arrays."""
        runtime = self.choose_runtime()
        with stopwatch() as seconds:
            embed_with_runtime(
                self.network, self.pixels, self.source, (self.stage,), runtime=runtime
            )
            return len(self.pixels) / seconds()

    def choose_runtime(self) -> EmbeddingRuntime:
        """Return the runtime of ours; it is measured once."""
        return choose_runtime(
            self.network, self.pixels, self.source, (self.stage,), progress=ignore_progress
        )

    def build_bare_session(self) -> Callable[[], float]:
        """Return a function that runs a bare session over one batch, as often as ours has some."""
        size = self.source.input_size
        graph = build_onnx_graph(self.network, (self.stage,), size)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        name, batch = session.get_inputs()[0].name, BATCH_SIZES[0]
        inputs = {name: normalise(self.pixels[:batch], self.source).contiguous().numpy()}
        return partial(_measure_speed, lambda: session.run(None, inputs), batch, len(self.pixels))

    def build_best_of_torch(self) -> tuple[str, Callable[[], float]]:
        """Return torch's fastest format in words, and a function that measures it."""
        ways = {
            f"{name}, batches of {size}": partial(self.measure_torch, form, size)
            for name, form in FORMATS.items()
            for size in BATCH_SIZES
        }
        best = max(ways, key=lambda way: ways[way](TUNING_IMAGES))
        return best, lambda: ways[best](len(self.pixels))

    @torch.inference_mode()
    def measure_torch(self, form: tuple[torch.dtype, bool], size: int, images: int) -> float:
        """Return the images per second of a bare forward pass over one batch."""
        precision, last = form
        layout = torch.channels_last if last else torch.contiguous_format
        stages = self.network[:-1].to(memory_format=layout)
        batch = normalise(self.pixels[:size], self.source).contiguous(memory_format=layout)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
            return _measure_speed(lambda: stages(batch), size, images)

    def measure_difference(self) -> float:
        """Return the largest difference of a feature between both runtimes."""
        images = self.pixels[:TUNING_IMAGES]
        ours, torchs = (
            embed_with_runtime(
                self.network, images, self.source, (self.stage,), runtime=make_runtime(name)
            )[self.stage]
            for name in ("onnxruntime", "torch")
        )
        return float(np.abs(ours - torchs).max())


def _measure_speed(run: Callable[[], object], batch: int, images: int) -> float:
    """Return the images per second of running batches until `images` have passed."""
    run()
    steps = -(-images // batch)
    with stopwatch() as seconds:
        for _ in range(steps):
            run()
        return steps * batch / seconds()


def load_network(source: SourceNetwork) -> nn.Sequential:
    """Return the network with its own weights, or with random ones."""
    try:
        return load_pretrained(source)
    except NetworkError:
        return build_untrained(source, num_classes=len(source.card["classes"]))


def compare_network(
    name: str, images: int, rounds: int, folder: Path
) -> tuple[Comparison, Claim, str]:
    """Measure all sides with one network; returns figures, claims and a note."""
    source = get_network(name)
    shape = images, source.input_size, source.input_size, 3
    np.save(folder / "pixels.npy", np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    benchmark = EmbeddingBenchmark(source, load_network(source), pixels)
    runtime, (form, measure_torch) = benchmark.choose_runtime(), benchmark.build_best_of_torch()
    sides = {
        OURS: benchmark.measure_ours,
        BARE: benchmark.build_bare_session(),
        TORCH: measure_torch,
    }
    comparison = compare(f"Embedding, {source.title}", "images/s", sides, rounds)
    claim = Claim(
        f"{source.title}: ours over the bare session",
        comparison.ratio(OURS, BARE),
        at_least=MIN_SPEED_OF_BARE,
    )
    note = (
        f"{source.title}: ours with {runtime.name} ({runtime.reason}), torch with {form}; "
        f"ONNX Runtime's features differ by {benchmark.measure_difference():.1g} at most."
    )
    return comparison, claim, note


def compare_training_steps(rounds: int) -> tuple[Comparison, Claim]:
    """Measure training steps alone and beside an open session that has just run."""
    source = get_network("demonstration")
    network = build_untrained(source, num_classes=10).train()
    inputs = torch.randn(STEP_IMAGES, 3, source.input_size, source.input_size)
    embedded = build_untrained(source, num_classes=10)
    graph = build_onnx_graph(embedded, source.stage_names[-2:-1], source.input_size)

    def take_step() -> None:
        network.zero_grad()
        network(inputs).square().mean().backward()

    def measure_beside_a_session() -> float:
        session = open_onnx_session(graph)
        session.run(None, {session.get_inputs()[0].name: inputs[:8].numpy()})
        return _measure_speed(take_step, STEP_IMAGES, STEPS * STEP_IMAGES)

    sides = {
        ALONE: lambda: _measure_speed(take_step, STEP_IMAGES, STEPS * STEP_IMAGES),
        BESIDE: measure_beside_a_session,
    }
    comparison = compare("A training step of torch", "images/s", sides, rounds)
    ratio = comparison.ratio(BESIDE, ALONE)
    return comparison, Claim(
        "training step beside an open session", ratio, at_least=MIN_SPEED_BESIDE
    )


def main() -> None:
    """Run all sides of each network in turn, then the training steps."""
    parser = build_parser(__doc__, "embedding")
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--images", type=int, default=256)
    chosen = parser.parse_args()
    found = []
    for name in chosen.networks:
        with tempfile.TemporaryDirectory() as folder:
            found.append(compare_network(name, chosen.images, chosen.rounds, Path(folder)))
    steps, step_claim = compare_training_steps(chosen.rounds)
    comparisons = [each[0] for each in found] + [steps]
    rows = [row for each in comparisons[:-1] for row in summarise_sides(each, BARE)]
    write_report(
        "Embedding",
        [*rows, *summarise_sides(steps, ALONE)],
        [*(each[1] for each in found), step_claim],
        [draw_comparison(each) for each in comparisons],
        [describe_load(*comparisons), *(each[2] for each in found)],
        chosen.page,
    )


if __name__ == "__main__":
    main()
