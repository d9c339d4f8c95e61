"""(a) A frozen EfficientNet-Lite0 on photos of ants and bees, end to end, beside others.

    python -m benchmarks.frozen_network [DATA.zip] [--epochs 25] [--rounds 3] [--peer-rounds 3]
                                        [--peers PYTHON]

Each side is a process of its own that classifies the test images at the end. Ours begins with
the zip and an empty data folder, the others with folders that were unpacked before and hold the
same split. The limit decodes every image once and passes it once through a bare ONNX Runtime
session, and learns nothing. Durations are taken after imports, which are given beside them. All
sides have the same ImageNet weights. The peers need an environment of their own, see
benchmarks/requirements.txt.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
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
NETWORK = "efficientnet_lite0"
OURS, LIMIT, FASTAI, LOOP = "ours", "limit", "fastai", "plain loop"
MAX_ACCURACY_LOSS = 0.01  # of accuracy
Command = list[str | Path | int]


@dataclass(frozen=True)
class FrozenRace:
    """What all sides share, and what they reached."""

    data: Path  # zip
    folder: Path  # unpacked, in train, validation and test
    epochs: int
    peer_python: Path  # interpreter
    accuracies: dict[str, list[float]] = field(default_factory=dict)
    with_imports: dict[str, list[float]] = field(default_factory=dict)  # seconds

    def run_ours(self) -> float:
        """Seconds from the zip to the test accuracy, in an empty data folder."""
        with tempfile.TemporaryDirectory() as home:
            command = ["-m", "benchmarks.peers.our_side", self.data, NETWORK, self.epochs]
            return self._time_side(OURS, [sys.executable, *command], home)

    def run_limit(self) -> float:
        """Seconds of decoding every image once and passing it once through a bare session."""
        with tempfile.TemporaryDirectory() as home:
            command = ["-m", "benchmarks.peers.limit_side", self.folder, NETWORK]
            return self._time_side(LIMIT, [sys.executable, *command], home)

    def run_peer(self, side: str, script: str) -> float:
        """Seconds of one of the others."""
        command = [self.peer_python, PEERS / script, self.folder, self.epochs]
        return self._time_side(side, command)

    def _time_side(self, side: str, command: Command, home: str = "") -> float:
        began = time.perf_counter()
        done = subprocess.run(
            list(map(str, command)),
            cwd=ROOT,
            env=os.environ | {"TRANSFER_HOME": home},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
        self.with_imports.setdefault(side, []).append(time.perf_counter() - began)
        figures = json.loads(done.stdout.splitlines()[-1])
        if "test_accuracy" in figures:
            self.accuracies.setdefault(side, []).append(figures["test_accuracy"])
        return figures["seconds"]


def unpack_images(data: Path, folder: Path) -> None:
    """Write the images into folders by split and class, as ours splits them."""
    with tempfile.TemporaryDirectory() as home:
        data_set = dataset.ingest(data, home=Path(home))
        for index, record in enumerate(data_set.records):
            name = f"{index}{Path(record.path).suffix}"
            path = folder / record.split / data_set.classes[record.label] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(dataset.read_image_bytes(Path(home), data_set, index))


def main() -> None:
    """Let ours and the limit run in turn, then each of the others beside ours."""
    parser = build_parser(__doc__, "frozen_network", rounds=3)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--peer-rounds", type=int, default=3, help="rounds of the slow sides")
    parser.add_argument("--peers", type=Path, default=PEERS / ".venv" / "bin" / "python")
    chosen = parser.parse_args()
    if not chosen.peers.is_file():
        raise SystemExit(f"{chosen.peers} does not exist; see benchmarks/requirements.txt.")
    data = (chosen.data or find_shared_zip("ants_bees.zip")).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        unpack_images(data, folder)
        race = FrozenRace(data, folder, chosen.epochs, chosen.peers)
        title = f"Frozen EfficientNet-Lite0, {chosen.epochs} epochs"
        quick = compare(
            title, "s", {OURS: race.run_ours, LIMIT: race.run_limit}, chosen.rounds, warm_up=True
        )
        sides = {
            OURS: race.run_ours,
            FASTAI: lambda: race.run_peer(FASTAI, "fastai_side.py"),
            LOOP: lambda: race.run_peer(LOOP, "tutorial_side.py"),
        }
        slow = compare(title, "s", sides, chosen.peer_rounds, warm_up=False)
    report_race(race, quick, slow, chosen.page)


def report_race(race: FrozenRace, quick: Comparison, slow: Comparison, page: Path) -> None:
    """Write the page with durations and test accuracies of all sides."""
    rows = [
        row
        | {
            "with imports, s": statistics.median(race.with_imports[row["side"]]),
            "test accuracy": statistics.median(race.accuracies.get(row["side"], [float("nan")])),
        }
        for comparison in (quick, slow)
        for row in summarise_sides(comparison, OURS)
    ]
    accuracy = {side: statistics.median(values) for side, values in race.accuracies.items()}
    lacking = max(accuracy[FASTAI], accuracy[LOOP]) - accuracy[OURS]
    claims = [
        Claim("ours over the limit", quick.ratio(OURS, LIMIT), at_most=1.5),
        Claim("fastai over ours", slow.ratio(FASTAI, OURS), at_least=50),
        Claim("test accuracy that ours lacks", lacking, at_most=MAX_ACCURACY_LOSS),
    ]
    figures = [draw_comparison(quick), draw_comparison(slow)]
    notes = [describe_load(quick, slow), "ImageNet weights on all sides."]
    write_report("Frozen network", rows, claims, figures, notes, page)


if __name__ == "__main__":
    main()
