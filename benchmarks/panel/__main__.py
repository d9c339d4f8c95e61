"""Measure how good the advice is: `python -m benchmarks.panel COMMAND DATA --network NAME`.

frozen    cross-validate and test the options that train a new layer only, a line each
train     train the options that are forecast, a line each
fit       fit the network's calibration to all lines; judge it with every family held out

Lines that are there are not measured again, so everything can be stopped and extended.
"""

import argparse
import json
import math
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.panel.embeddings import load_or_embed_pool, load_or_prepare_pool
from benchmarks.panel.fitting import (
    bin_reliability,
    estimate_crossover,
    fit_forecast,
    fit_prior,
    fit_similarity,
    hold_out,
    load_outcomes,
    predict_probabilities,
)
from benchmarks.panel.frozen import measure_frozen
from benchmarks.panel.pools import Pools
from benchmarks.panel.report import tabulate
from benchmarks.panel.splits import PER_CLASS, draw_split
from benchmarks.panel.training import Job, run_jobs
from transfer_core.networks import DEFAULT_NETWORK, get_network
from transfer_core.system import get_home
from transfer_core.transferability import Basis, get_calibration_path

RESULTS = Path(__file__).parent / "results"
EARLIER_LOOP = RESULTS / DEFAULT_NETWORK / "earlier_loop.jsonl"
MARGIN = 0.005  # accuracy by which a dearer new layer must be better; chosen on the panel
FORECAST_MARGIN = 0.0  # the same, where one of the two is forecast


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["frozen", "train", "fit"])
    parser.add_argument("data", type=Path, nargs="?", help="folder with the real image sets")
    parser.add_argument("--network", default=DEFAULT_NETWORK, help="name of the source network")
    parser.add_argument("--pools", nargs="+", help="names; all without it")
    parser.add_argument("--folder", type=Path, default=get_home() / "panel", help="of large files")
    parser.add_argument("--out", type=Path, help="folder of the lines")
    parser.add_argument("--per-class", type=int, nargs="+", default=PER_CLASS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--options", nargs="+", default=["3", "last-stages", "first-stages"])
    parser.add_argument("--settings", nargs="+", default=["{}"], help="JSON of changed settings")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    options = parser.parse_args()
    options.out = options.out or RESULTS / options.network
    {"frozen": measure_new_layers, "train": train, "fit": fit}[options.command](options)


def measure_new_layers(options: argparse.Namespace) -> None:
    """Measure the new layers that have no line yet."""
    source, to = get_network(options.network), options.out / "frozen.jsonl"
    pools = Pools(options.data, get_home(), source.transform)
    done = {(r["pool"], r["per_class"], r["seed"]) for r in _read(to)}
    for name in options.pools or pools.names() + pools.controls():
        sizes = product(options.seeds, options.per_class)
        missing = [(size, seed) for seed, size in sizes if (name, size, seed) not in done]
        if not missing:
            continue
        pool = load_or_prepare_pool(pools, name, source, options.folder / "pools")
        embedded = load_or_embed_pool(pool, source, options.folder / "embedded")
        for per_class, seed in missing:
            if split := draw_split(pool.labels, per_class, seed):
                row = measure_frozen(embedded, split, source)
                with to.open("a", encoding="utf-8") as file:
                    key = {"per_class": per_class, "seed": seed}
                    file.write(json.dumps(row | key) + "\n")


def train(options: argparse.Namespace) -> None:
    """Train what has no line yet, the largest data sets first, so that all end together."""
    trainings = tuple(product(options.options, options.settings))
    fields = ("network", "pool", "per_class", "seed", "option", "settings")
    done = {
        tuple(row[name] for name in fields)
        for file in options.out.glob("*.jsonl")
        for row in _read(file)
        if "option" in row
    }
    jobs = []
    for seed, per_class in product(options.seeds, sorted(options.per_class, reverse=True)):
        for name in options.pools or Pools(options.data, get_home()).names():
            key = (options.network, name, per_class, seed)
            missing = tuple(each for each in trainings if (*key, *each) not in done)
            if missing:
                jobs.append(Job(*key, missing))
    run_jobs(
        jobs,
        options.data,
        options.folder / "pools",
        options.out,
        workers=options.workers,
        seconds=60 * options.minutes,
        device=options.device,
    )


def fit(options: argparse.Namespace) -> None:
    """Fit the calibration and write it; print and write how good it is."""
    source = get_network(options.network)
    outcomes = load_outcomes(options.out, EARLIER_LOOP)
    similar = [each for each in outcomes if each.is_similar(source.early) is not None]
    models = hold_out(similar, lambda others: fit_similarity(others, source.early))
    truth = np.array([each.is_similar(source.early) for each in similar])
    keys = ("3", "4-random") if source.name == DEFAULT_NETWORK else ("3",)
    forecasts = {key: fit_forecast([o for o in outcomes if key in o.trained], key) for key in keys}
    crossover, _ = estimate_crossover([each for each in outcomes if "3" in each.trained])
    path = get_calibration_path(source.name)
    values = json.loads(path.read_text(encoding="utf-8")) | {
        "similarity": asdict(fit_similarity(similar, source.early)),
        "prior": asdict(fit_prior(outcomes)),
        "forecasts": {key: asdict(model) for key, model in forecasts.items()},
        "families": len({each.family for each in outcomes}),
        "image_sets": len({(o.row["pool"], o.row["per_class"]) for o in outcomes}),
        "measured": _list_results(outcomes) if source.name == DEFAULT_NETWORK else [],
        "reliability": [
            asdict(each) for each in bin_reliability(predict_probabilities(similar, models), truth)
        ],
        "basis": {
            "similarity": asdict(Basis("measured")),
            "forecasts": asdict(Basis("measured")),
        },
        "margin": MARGIN,
        "forecast_margin": FORECAST_MARGIN,
        "crossover": crossover,
    }
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    lines = ["| what | measured |", "|---|---|"]
    lines += [
        f"| {what} | {figure} |"
        for what, figure in tabulate(outcomes, source, keys, MARGIN, FORECAST_MARGIN)
    ]
    (options.out / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


def _list_results(outcomes) -> list[dict]:
    """Accuracies of every case, for the figure of where training everything wins."""
    return [
        {
            "name": each.row["pool"],
            "images": each.row["images"],
            "distance": round(math.exp(each.row["predictors"]["log_distance"]), 4),
            "top": list(each.row["test"].values())[-2],
            "cut": max(list(each.row["test"].values())[:-2]),
            "tuned": each.trained["3"],
            "random": each.trained["4-random"],
        }
        for each in outcomes
        if {"3", "4-random"} <= each.trained.keys()
    ]


def _read(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
