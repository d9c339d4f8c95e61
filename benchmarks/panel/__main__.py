"""Check the advice: `python -m benchmarks.panel signals DATA`, `truth DATA`, `calibrate`.

The first two commands append one line per data set to a file. Lines that are there for the same
weights are not measured again, so the panel can be stopped and extended. The third command fits
the calibration of the network to all lines, prints the criteria with every family held out once,
and draws the reliability diagram. Both are stored beside the lines.
"""

import argparse
import json
import time
from dataclasses import asdict
from itertools import product
from pathlib import Path

import torch

from benchmarks.panel.bars import judge_outcomes, tabulate_criteria
from benchmarks.panel.controls import measure_controls
from benchmarks.panel.fitting import calibrate, predict_held_out
from benchmarks.panel.outcomes import KEY_FIELDS, load_outcomes, read_evidence, read_rows
from benchmarks.panel.pools import Pools
from benchmarks.panel.signals import measure_signals
from benchmarks.panel.truth import measure_cases
from transfer_core.figures.reliability import plot_reliability_diagram
from transfer_core.networks import get_network
from transfer_core.system.home import home
from transfer_core.transferability.calibration import get_calibration_path

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["signals", "truth", "calibrate"])
    parser.add_argument("data", type=Path, nargs="?", help="folder with the real image sets")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the lines")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000], help="images")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="+", help="names of pools")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.what == "calibrate":
        fit_and_report(options.results)
    else:
        run_missing(options)


def run_missing(options: argparse.Namespace) -> None:
    """Measure the data sets that have no line yet."""
    source, pools = get_network("demonstration"), Pools(options.data, home())
    to = options.results / f"{options.what}.jsonl"
    to.parent.mkdir(parents=True, exist_ok=True)
    to.touch()
    done, signals = read_rows(to), read_rows(options.results / "signals.jsonl")
    names = options.only or pools.names() + (pools.controls() if options.what == "signals" else [])
    for images, name in product(options.sizes, names):
        key = source.weights_hash, name, images
        wanted = range(options.first_seed, options.seeds)
        seeds = [seed for seed in wanted if (*key, seed) not in done]
        pool = pools.pool(name) if seeds else None
        for seed in seeds:
            began = time.perf_counter()
            if options.what == "signals":
                row = measure_signals(pool, images, seed, source)
            elif (*key, seed) in signals:
                evidence = read_evidence(signals[*key, seed]["evidence"])
                row = measure_cases(pool, images, seed, source, evidence)
            else:
                print(f"{name}, {images} images, seed {seed}: read its signals first")
                continue
            if row is None:
                print(f"{name}: fewer than {images} images beside the test")
                break
            named = dict(zip(KEY_FIELDS, (*key, seed), strict=True)) | {"family": pool.family}
            with to.open("a", encoding="utf-8") as file:
                file.write(json.dumps(named | row) + "\n")
            print(f"{name}, {images} images, seed {seed}: {time.perf_counter() - began:.0f} s")


def fit_and_report(results: Path) -> None:
    """Fit the calibration and write it; print the criteria with every family held out."""
    source = get_network("demonstration")
    outcomes = load_outcomes(results, source.weights_hash)
    predictions = predict_held_out(outcomes, source)
    calibration = calibrate(outcomes, predictions["top"] + predictions["start"])
    get_calibration_path(source.name).write_text(
        json.dumps(asdict(calibration), indent=1) + "\n", encoding="utf-8"
    )
    sets = {(outcome.pool, outcome.images) for outcome in outcomes}
    bars = tabulate_criteria(judge_outcomes(outcomes, source)) + measure_controls(
        results, source, calibration
    )
    lines = [
        f"{len(outcomes)} data sets: {len(sets)} pools and sizes, {calibration.families} families, "
        "each judged by a formula fitted without its family.",
        "",
        "| bar | row | measured |",
        "|---|---|---|",
        *("| " + " | ".join(bar) + " |" for bar in bars),
    ]
    print(*lines, sep="\n")
    (results / "bars.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    figure = plot_reliability_diagram(calibration.reliability)
    figure.write_html(results / "reliability.html", include_plotlyjs="cdn")


if __name__ == "__main__":
    main()
