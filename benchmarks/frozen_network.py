"""(a) A frozen ResNet-18 on photos of ants and bees, end to end: ours, fastai, the plain loop.

    python -m benchmarks.frozen_network [DATA.zip] [--epochs 25] [--rounds 1] [--peers PYTHON]

Each side is a process of its own, from its start to the test accuracy: ours from the zip in a
new data folder, the others from folders that were unpacked before and hold the same split. The
peers need an environment of their own, see benchmarks/requirements.txt. Published weights are
taken from torch's cache; where they are not, all sides get the same random weights, so that only
the speed can be compared.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.report import (
    Claim,
    build_parser,
    describe_load,
    draw_comparison,
    find_shared_zip,
    summarise_sides,
    write_report,
)
from benchmarks.sides import Comparison, compare
from transfer_core import dataset

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks" / "peers"
NETWORK, WEIGHTS = "resnet18", "resnet18-f37072fd.pth"  # as torchvision calls them
OURS, FASTAI, LOOP = "ours", "fastai", "plain loop"
MAX_ACCURACY_LOSS = 0.05  # of accuracy, which some images of the test split decide


@dataclass(frozen=True)
class PeerBenchmark:
    """Inputs that all sides share, and the accuracies that they reach."""

    data: Path  # zip
    folder: Path  # unpacked, in train, validation and test
    cache: Path  # TORCH_HOME
    random: bool  # whether the weights are
    epochs: int
    peer_python: Path  # interpreter
    accuracies: dict[str, list[float]] = field(default_factory=dict)

    def run_ours(self) -> float:
        """Seconds of a run from the command line; the weights are already on this machine."""
        with tempfile.TemporaryDirectory() as home:
            network, settings = NETWORK, {"TRANSFER_HOME": home, "TORCH_HOME": str(self.cache)}
            if self.random:
                lines = _run_json(
                    [
                        *_build_command("networks"),
                        "--add",
                        self.cache / "random.safetensors",
                        "--of",
                        NETWORK,
                        "--json",
                    ],
                    settings,
                )
                network = next(t["name"] for t in lines if t["name"].startswith(f"{NETWORK}@"))
            command = [
                *_build_command("train"),
                self.data,
                "--network",
                network,
                "--case",
                "1",
                "--epochs",
                self.epochs,
                "--json",
            ]
            return self._time_side(OURS, command, settings)

    def run_peer(self, side: str, script: str) -> float:
        """Seconds of one of the others."""
        command = [self.peer_python, PEERS / script, self.folder, self.epochs]
        return self._time_side(side, command, {"TORCH_HOME": str(self.cache)})

    def _time_side(self, side: str, command: list, settings: dict[str, str]) -> float:
        began = time.perf_counter()
        lines = _run_json(command, settings)
        seconds = time.perf_counter() - began
        self.accuracies.setdefault(side, []).append(lines[-1]["test_accuracy"])
        return seconds


def _build_command(command: str) -> list[str]:
    return [sys.executable, "-m", "transfer_core", command]


def _run_json(command: list, settings: dict[str, str]) -> list[dict]:
    """Run a command; returns the JSON objects that it printed."""
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=os.environ | settings, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def unpack_images(data: Path, folder: Path) -> None:
    """Write the images into folders by split and class, as ours splits them."""
    with tempfile.TemporaryDirectory() as home:
        data_set = dataset.ingest(data, home=Path(home))
        for index, record in enumerate(data_set.records):
            name = f"{index}{Path(record.path).suffix}"
            path = folder / record.split / data_set.classes[record.label] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(dataset.read_image_bytes(Path(home), data_set, index))


def prepare_weights(cache: Path) -> bool:
    """Put weights where torch looks for them; returns whether they are random."""
    import torch
    from safetensors.torch import save_file
    from torchvision.models import resnet18

    folder = cache / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    published = Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS
    if published.is_file():
        (folder / WEIGHTS).symlink_to(published)
        return False
    torch.manual_seed(0)
    state = resnet18().state_dict()
    torch.save(state, folder / WEIGHTS)
    save_file(state, cache / "random.safetensors")
    return True


def make_accuracy_lookup(race: PeerBenchmark) -> Callable[[str], float]:
    """Median test accuracy of a side."""
    return lambda side: statistics.median(race.accuracies[side])


def main() -> None:
    """Let the sides run in turn."""
    parser: argparse.ArgumentParser = build_parser(__doc__, "frozen_network", rounds=1)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--peers", type=Path, default=PEERS / ".venv" / "bin" / "python")
    chosen = parser.parse_args()
    if not chosen.peers.is_file():
        raise SystemExit(f"{chosen.peers} does not exist; see benchmarks/requirements.txt.")
    data = (chosen.data or find_shared_zip("ants_bees.zip")).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "images", Path(name) / "cache"
        unpack_images(data, folder)
        race = PeerBenchmark(
            data, folder, cache, prepare_weights(cache), chosen.epochs, chosen.peers
        )
        sides = {
            OURS: race.run_ours,
            FASTAI: lambda: race.run_peer(FASTAI, "fastai_side.py"),
            LOOP: lambda: race.run_peer(LOOP, "tutorial_side.py"),
        }
        comparison = compare(
            f"Frozen ResNet-18, {chosen.epochs} epochs", "s", sides, chosen.rounds, warm_up=False
        )
    report_race(race, comparison, chosen.page)


def report_race(race: PeerBenchmark, comparison: Comparison, page: Path) -> None:
    """Write the page with durations and test accuracies of all sides."""
    accuracy = make_accuracy_lookup(race)
    rows = [
        row | {"test accuracy": accuracy(row["side"])} for row in summarise_sides(comparison, OURS)
    ]
    claims = [Claim("fastai over ours, end to end", comparison.ratio(FASTAI, OURS), at_least=100)]
    if not race.random:
        better = max(accuracy(FASTAI), accuracy(LOOP)) - accuracy(OURS)
        claims.append(Claim("test accuracy that ours lacks", better, at_most=MAX_ACCURACY_LOSS))
    kind = (
        "Random weights on all sides: accuracies say nothing."
        if race.random
        else "ImageNet weights."
    )
    write_report(
        "Frozen network",
        rows,
        claims,
        [draw_comparison(comparison)],
        [describe_load(comparison), kind],
        page,
    )


if __name__ == "__main__":
    main()
