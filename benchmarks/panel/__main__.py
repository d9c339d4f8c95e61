"""Check the advice: `python -m benchmarks.panel signals DATA`, `truth DATA`, `calibrate`.

The first two commands append one line per data set to a file. Lines that are there for the same
weights are not measured again, so the panel can be stopped and extended. The third command fits
the calibration of the network to all lines, prints the criteria with every family held out once,
and draws the reliability diagram. Both are stored beside the lines.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path

import torch

from benchmarks.panel.bars import (
    judge_outcomes,
    tabulate_criteria,
    tabulate_frozen_criteria,
)
from benchmarks.panel.controls import measure_controls
from benchmarks.panel.embeddings import load_or_embed_pool
from benchmarks.panel.fitting import calibrate, predict_held_out
from benchmarks.panel.outcomes import (
    KEY_FIELDS,
    borrow_tuned,
    load_outcomes,
    read_evidence,
    read_rows,
)
from benchmarks.panel.pools import Pools
from benchmarks.panel.signals import measure_embedded_signals, measure_signals
from benchmarks.panel.truth import measure_cases, measure_frozen_cases
from transfer_core.figures import plot_reliability_diagram
from transfer_core.networks import DEFAULT_NETWORK, SourceNetwork, get_network
from transfer_core.system import get_home
from transfer_core.transferability import get_calibration_path

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["signals", "truth", "calibrate"])
    parser.add_argument("data", type=Path, nargs="?", help="folder with the real image sets")
    parser.add_argument("--network", default=DEFAULT_NETWORK, help="name of the source network")
    parser.add_argument("--results", type=Path, help="folder of the lines")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000], help="images")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="+", help="names of pools")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.results = options.results or get_results_folder(options.network)
    if options.what == "calibrate":
        fit_and_report(options.network, options.results)
    else:
        run_missing(options)


def run_missing(options: argparse.Namespace) -> None:
    """Measure the data sets that have no line yet."""
    source, pools = get_network(options.network), Pools(options.data, get_home())
    to = options.results / f"{options.what}.jsonl"
    to.parent.mkdir(parents=True, exist_ok=True)
    to.touch()
    done = read_rows(to)
    names = options.only or pools.names() + (pools.controls() if options.what == "signals" else [])
    for name in names:
        wanted = [
            (name, images, seed)
            for images, seed in product(options.sizes, range(options.first_seed, options.seeds))
            if (source.weights_hash, name, images, seed) not in done
        ]
        measure = _prepare_measurement(options, source, pools, name) if wanted else None
        for _, images, seed in wanted:
            began = time.perf_counter()
            row = measure(images=images, seed=seed)
            if row is None:
                print(f"{name}: fewer than {images} images beside the test")
                continue
            key = dict(zip(KEY_FIELDS, (source.weights_hash, name, images, seed), strict=True))
            with to.open("a", encoding="utf-8") as file:
                file.write(json.dumps(key | {"family": pools.get_family(name)} | row) + "\n")
            print(f"{name}, {images} images, seed {seed}: {time.perf_counter() - began:.0f} s")


def _prepare_measurement(
    options: argparse.Namespace, source: SourceNetwork, pools: Pools, name: str
) -> Callable[..., dict | None]:
    """Return the function that measures one size and seed of a pool.

    Every case is trained for the demonstration network. For other networks that would take days:
    only the frozen cases are measured, from embeddings that are made once.
    """
    if source.name != DEFAULT_NETWORK:
        embedded = load_or_embed_pool(pools, name, source, get_home() / "panel")
        measure = measure_embedded_signals if options.what == "signals" else measure_frozen_cases
        return partial(measure, embedded, source=source)
    if options.what == "signals":
        return partial(measure_signals, pools.pool(name), source=source)
    pool, signals = pools.pool(name), read_rows(options.results / "signals.jsonl")

    def measure_every_case(images: int, seed: int) -> dict | None:
        row = signals.get((source.weights_hash, name, images, seed))
        if row is None:
            raise SystemExit(f"{name}, {images} images, seed {seed}: measure its signals first")
        return measure_cases(pool, images, seed, source, read_evidence(row["evidence"]))

    return measure_every_case


def get_results_folder(network: str) -> Path:
    """Return the folder of the lines of a network; the demonstration network has the main one."""
    return RESULTS if network == DEFAULT_NETWORK else RESULTS / network


def fit_and_report(network: str, results: Path) -> None:
    """Fit the calibration and write it; print the criteria with every family held out."""
    source = get_network(network)
    outcomes = load_outcomes(results, source.weights_hash)
    if source.name == DEFAULT_NETWORK:
        questions, fit, tabulate = ("top", "start"), calibrate, tabulate_criteria
    else:
        trained = load_outcomes(RESULTS, get_network(DEFAULT_NETWORK).weights_hash)
        outcomes = borrow_tuned(outcomes, trained)
        questions, fit = ("top",), calibrate
        tabulate = tabulate_frozen_criteria
    predictions = predict_held_out(outcomes, source, questions, fit)
    calibration = fit(outcomes, predictions=sum(predictions.values(), []))
    get_calibration_path(source.name).write_text(
        json.dumps(asdict(calibration), indent=1) + "\n", encoding="utf-8"
    )
    bars = tabulate(judge_outcomes(outcomes, source, fit)) + measure_controls(
        results, source, calibration
    )
    lines = [
        f"{len(outcomes)} data sets: {calibration.image_sets} pools and sizes, "
        f"{calibration.families} families, each judged by a formula fitted without its family.",
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
