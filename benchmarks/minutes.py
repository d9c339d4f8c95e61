"""Forecasts of how long runs take, beside what they took.

    python -m benchmarks.minutes [DATA ...] [--network N[:PIXELS] ...] [--epochs E]

DATA is a zip, a folder or sample:NAME. For every data set and network all options are forecast
together, then each is forecast again and run, as the app does it. They run in a new data folder
one after another, so that later runs find images decoded and embedded by earlier ones. Whole
networks train at most E epochs: each costs the same. A network whose weights are not here gets
random ones, which cost the same too.

A forecast should hold 90 % of the runs, and its upper end is at most 3 times its lower end.
"""

import argparse
import os
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from benchmarks.report import Claim, Row, find_shared_zip, format_table
from transfer_core import dataset
from transfer_core.cases import Strategy, list_strategies
from transfer_core.dataset import DataSet
from transfer_core.dataset import samples as sample_sets
from transfer_core.networks import (
    SourceNetwork,
    get_network,
    has_weights,
    import_weights,
    torchvision_modules,
    trains_head_only,
)
from transfer_core.runs import Engine, find_last_event, launch_run, start_engine
from transfer_core.timing import forecast_options, forecast_run
from transfer_core.training import Ended

DATA_SETS = ("ants_bees.zip", "brain_mri_253.zip", "sample:digits")
NETWORKS = ("demonstration", "efficientnet_lite0:128")


def compare_with_forecasts(
    engine: Engine,
    data: DataSet,
    source: SourceNetwork,
    strategies: dict[str, Strategy],
) -> list[Row]:
    """Forecast every option, then run each; a row for each run."""
    began = time.perf_counter()
    forecast_options(data, source, strategies, engine.home)
    asked = time.perf_counter() - began
    rows = []
    for key, strategy in strategies.items():
        row = {"data": data.name, "network": f"{source.name}:{source.input_size}", "option": key}
        row |= _compare_with_forecast(engine, data, source, strategy)
        rows.append(row | {"asked, s": asked, "load": os.getloadavg()[0]})
        print(*format_table(rows)[-1:], flush=True)
    return rows


def _compare_with_forecast(
    engine: Engine, data: DataSet, source: SourceNetwork, strategy: Strategy
) -> Row:
    total = forecast_run(data, source, strategy, engine.home).total
    run = engine.wait(launch_run(engine, data, source, strategy, seed=0))
    if run.ended is None or run.result is None:
        raise SystemExit(f"The run {run.name} ended without a result: {run.error}")
    took, ended = run.ended - run.started, find_last_event(engine.events(run.id), Ended)
    return {
        "low, s": total.low,
        "high, s": total.high,
        "took, s": took,
        "epochs": ended.epochs,
        "of": strategy.optimiser.epochs,
        "took / expected": took / (total.low * total.high) ** 0.5,
        "within": "yes" if total.low <= took <= total.high else "NO",
    }


def load_network(text: str) -> SourceNetwork:
    """A network of the catalog, with random weights where the published ones are not here.

    Args:
        text: Its name, and its input size behind a colon if it is not the network's own.
    """
    name, _, size = text.partition(":")
    source = get_network(name)
    if not has_weights(source):
        model = torchvision_modules.build_model(source.architecture, 1000, source.input_size)
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            save_file(model.state_dict(), file.name)
            source = import_weights(Path(file.name), source, "random weights")
    return source.with_input_size(int(size) if size else None)


def choose_strategies(
    source: SourceNetwork, epochs: int, keys: list[str] | None
) -> dict[str, Strategy]:
    """The options by their keys; whole networks train a limited number of epochs."""
    strategies = list_strategies(source.stage_names, source.kind)
    return {
        key: strategy
        if trains_head_only(source, strategy)
        else strategy.with_epochs(min(epochs, strategy.optimiser.epochs))
        for key, strategy in strategies.items()
        if keys is None or key in keys
    }


def summarise(rows: list[Row]) -> list[Claim]:
    """What the forecasts must show, over all runs."""
    within = np.mean([row["within"] == "yes" for row in rows])
    widest = max(row["high, s"] / row["low, s"] for row in rows)
    return [
        Claim(f"share of {len(rows)} runs within their forecast", float(within), at_least=0.9),
        Claim("upper end over lower end, largest", widest, at_most=3),
    ]


def main() -> None:
    """Forecast and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*")
    parser.add_argument("--network", nargs="+", default=NETWORKS, metavar="N[:PIXELS]")
    parser.add_argument("--epochs", type=int, default=3, help="of whole networks, at most")
    parser.add_argument("--options", nargs="+", metavar="KEY", help="only these")
    options = parser.parse_args()
    rows: list[Row] = []
    for text in options.data or DATA_SETS:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TRANSFER_HOME"], home = folder, Path(folder)
            path = find_shared_zip(text) if text in DATA_SETS[:2] else text
            data = dataset.ingest(sample_sets.resolve_path(str(path), home), home=home)
            with closing(start_engine(home, resume=False)) as engine:
                for source in map(load_network, options.network):
                    strategies = choose_strategies(source, options.epochs, options.options)
                    rows += compare_with_forecasts(engine, data, source, strategies)
    print("", *format_table(rows), "", *summarise(rows), sep="\n")


if __name__ == "__main__":
    main()
