"""Find the settings of cases 3 and 4 for a network that learned from ImageNet, on three image sets.

    python -m benchmarks.fine_tuning_defaults RESULTS.jsonl [--size 128] [--seeds 0 1]
        [--choices NAME ...] [--only-table]

Each choice of settings is trained on each set with each seed, beside case 1 (the new layer alone).
A seed draws the split (half to train, but at most 200 images, 15 % to validate, the rest to test),
the new layer and the order.
Every training is a line of RESULTS.jsonl; those that are there already are not repeated, so the
command can be stopped and extended. At the end it prints the table.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from benchmarks.report import find_shared_zip
from transfer_core import dataset
from transfer_core.cases import HEAD_SETTINGS, Strategy, TransferCase, plan_strategy
from transfer_core.features import embed
from transfer_core.networks import HEAD, SourceNetwork, adapt, find_batch_norms, get_network
from transfer_core.settings import OptimiserSettings
from transfer_core.training import Ended, predict_logits, train_head, train_whole_network
from transfer_core.transferability import stratify_order

SETS = ("ants_bees", "new_photos_10_small", "brain_mri_253")
TRAIN_SHARE, VALIDATION_SHARE = 0.5, 0.15  # of the images
MAX_TRAIN_IMAGES = 200
PARTS = ("train", "validation", "test")
CASE_1 = "case 1"
CENTRE = OptimiserSettings(
    learning_rate=3e-4,
    weight_decay=2e-2,
    batch_size=32,
    epochs=8,
    patience=8,
    augment=True,
    stage_decay=0.75,
    train_head_first=True,
    freeze_batch_norm=True,
)
USUAL_MOMENTUM = 0.1  # of batch norm in torch; EfficientNet-Lite was trained with 0.01
CHOICES: dict[str, dict[str, object]] = {  # what differs from CENTRE
    "centre": {},
    "moving statistics": {"freeze_batch_norm": False},
    "random new layer": {"train_head_first": False},
    "rate 1e-3": {"learning_rate": 1e-3},
    "rate 1e-4": {"learning_rate": 1e-4},
    "moving statistics, momentum 0.1": {"freeze_batch_norm": False, "momentum": USUAL_MOMENTUM},
    "as networks not measured": {
        "batch_size": 64,
        "train_head_first": False,
        "freeze_batch_norm": False,
    },
    "batch 16": {"batch_size": 16},
    "decay by stage 0.5": {"stage_decay": 0.5},
    "no decay by stage": {"stage_decay": 1.0},
    "batch 64": {"batch_size": 64},
    "16 epochs": {"epochs": 16, "patience": 16},
    "as the demonstration network": {
        "learning_rate": 1e-3,
        "stage_decay": 1.0,
        "batch_size": 64,
        "train_head_first": False,
        "freeze_batch_norm": False,
    },
    "not augmented": {"augment": False},
    "rate 3e-3": {"learning_rate": 3e-3},
}


@dataclass(frozen=True)
class Examples:
    """One split of an image set at one input size."""

    name: str
    source: SourceNetwork  # at the input size
    pixels: np.ndarray  # uint8 (N, H, W, 3)
    labels: np.ndarray  # int64 (N,)
    seed: int

    @cached_property
    def parts(self) -> dict[str, np.ndarray]:
        """Indices of training, validation and test images, equally mixed from all classes."""
        shuffled = np.random.default_rng(self.seed).permutation(len(self.labels))
        order = stratify_order(shuffled, self.labels)
        train = min(round(TRAIN_SHARE * len(order)), MAX_TRAIN_IMAGES)
        ends = train, train + round(VALIDATION_SHARE * len(order))
        return dict(zip(PARTS, map(np.sort, np.split(order, ends)), strict=True))

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1

    @cached_property
    def head(self) -> dict[str, torch.Tensor]:
        """The weights of the new layer, trained alone as in case 1."""
        strategy = plan_strategy(
            TransferCase.SMALL_SIMILAR, self.source.stage_names, kind=self.source.kind
        )
        strategy = replace(strategy, optimiser=HEAD_SETTINGS)
        network = adapt(self.source, strategy, self.num_classes, self.seed)
        stage = strategy.keep_through
        features = embed(network, self.pixels, self.source, (stage,))[stage]
        for _ in train_head(network, features, **self.build_arguments(strategy)):
            pass
        return network.get_submodule(HEAD).state_dict()

    def build_arguments(self, strategy: Strategy) -> dict:
        """Return the arguments that both ways of training share."""
        return {
            "labels": self.labels,
            "train_indices": self.parts["train"],
            "validation_indices": self.parts["validation"],
            "strategy": strategy,
            "seed": self.seed,
            "class_weights": None,
            "stop_requested": lambda: False,
        }


def main() -> None:
    """Train what the results lack, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("--network", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--choices", nargs="+", choices=(CASE_1, *CHOICES))
    parser.add_argument("--only-table", action="store_true")
    options = parser.parse_args()
    if not options.only_table:
        source = get_network(options.network).with_input_size(options.size)
        chosen = options.choices or (CASE_1, *CHOICES)
        measure_missing(options.results, source, chosen, options.seeds, options.sets)
    print("\n".join(make_table(read_rows(options.results))))


def measure_missing(
    results: Path,
    source: SourceNetwork,
    choices: tuple[str, ...],
    seeds: list[int],
    sets: list[str],
) -> None:
    """Train each choice on each set with each seed, unless the results have it."""
    images = {name: read_images(name, source) for name in sets}
    splits = {
        (name, seed): Examples(name, source, *images[name], seed)
        for name, seed in product(sets, seeds)
    }
    for seed, choice, name in product(seeds, choices, sets):
        key = {"set": name, "choice": choice, "size": source.input_size, "seed": seed}
        if any(key.items() <= row.items() for row in read_rows(results)):
            continue
        row = key | measure_choice(splits[name, seed], choice)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(row, file=sys.stderr, flush=True)


def read_images(name: str, source: SourceNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels and labels of a set; ingestion has removed exact duplicates."""
    with tempfile.TemporaryDirectory() as home:
        data = dataset.ingest(find_shared_zip(f"{name}.zip"), home=Path(home))
        pixels = dataset.load_pixels(Path(home), data, source.transform)
        return np.array(pixels[np.arange(len(data.labels))]), data.labels


def measure_choice(examples: Examples, choice: str) -> dict[str, float | int]:
    """Train one choice; return its accuracy and loss on the test images, and what it took."""
    began, head = time.perf_counter(), examples.head
    plan = plan_strategy(
        TransferCase.LARGE_SIMILAR, examples.source.stage_names, kind=examples.source.kind
    )
    changes = dict(CHOICES.get(choice, {}))
    momentum = changes.pop("momentum", None)
    strategy = replace(plan, optimiser=replace(CENTRE, **changes))
    network = adapt(examples.source, strategy, examples.num_classes, examples.seed)
    if choice == CASE_1 or strategy.optimiser.train_head_first:
        network.get_submodule(HEAD).load_state_dict(head)
    for norm in find_batch_norms(network) if momentum else ():
        norm.momentum = momentum
    ended = None if choice == CASE_1 else train(network, examples, strategy)
    test = examples.parts["test"]
    logits = torch.cat(
        [
            predict_logits(network, examples.pixels[i], examples.source)
            for i in np.array_split(test, len(test) // 32)
        ]
    )
    labels = torch.from_numpy(examples.labels[test])
    return {
        "accuracy": (logits.argmax(1) == labels).double().mean().item(),
        "loss": functional.cross_entropy(logits, labels).item(),
        "train_images": len(examples.parts["train"]),
        "best_epoch": ended.best_epoch if ended else 0,
        "seconds": time.perf_counter() - began,
    }


def train(network: torch.nn.Sequential, examples: Examples, strategy: Strategy) -> Ended:
    """Train everything; return the last event."""
    *_, ended = train_whole_network(
        network, examples.pixels, source=examples.source, **examples.build_arguments(strategy)
    )
    return ended


def read_rows(results: Path) -> list[dict]:
    """Return the trainings done so far."""
    if not results.is_file():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def make_table(rows: list[dict]) -> Iterator[str]:
    """Yield a Markdown table: mean test accuracy (loss) of each choice on each set, best first."""
    sets = [name for name in SETS if any(row["set"] == name for row in rows)]
    yield f"| pixels | choice | seeds | {' | '.join(sets)} | mean |"
    yield "|" + " --- |" * (len(sets) + 4)
    groups: dict[tuple[int, str], list[dict]] = {}
    for row in rows:
        groups.setdefault((row["size"], row["choice"]), []).append(row)
    means = {key: [average(group, name) for name in sets] for key, group in groups.items()}
    for key in sorted(means, key=lambda key: (key[0], -np.mean([m[0] for m in means[key]]))):
        figures = [*means[key], tuple(np.mean(means[key], axis=0))]
        cells = ["–" if np.isnan(a) else f"{100 * a:.1f} ({loss:.2f})" for a, loss in figures]
        cells = [*map(str, (*key, len({row["seed"] for row in groups[key]}))), *cells]
        yield f"| {' | '.join(cells)} |"


def average(rows: list[dict], name: str) -> tuple[float, float]:
    """Return mean accuracy and mean loss on a set; not a number if it was not measured."""
    own = [(row["accuracy"], row["loss"]) for row in rows if row["set"] == name]
    return tuple(map(statistics.mean, zip(*own, strict=True))) if own else (np.nan, np.nan)


if __name__ == "__main__":
    main()
