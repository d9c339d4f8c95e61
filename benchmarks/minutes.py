"""Forecasts of how long runs take, beside what they took.

    python -m benchmarks.minutes [DATA.zip ...] [--network N] [--epochs E] [--input-size P]

Every case is forecast and then run, one after another in a new data folder, so that later runs
find images decoded by earlier ones. A network whose weights are not here gets random ones, which
cost the same.
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file

from benchmarks.report import Row, find_shared_zip, format_table
from transfer_core import dataset
from transfer_core.cases import Strategy, TransferCase, plan_strategy
from transfer_core.dataset import DataSet
from transfer_core.networks import DEFAULT_NETWORK, SourceNetwork, get_network, has_weights
from transfer_core.runs import make_run_config, perform_run
from transfer_core.timing import forecast_run
from transfer_core.training import Ended

IMAGE_SETS = ("ants_bees.zip", "brain_mri_253.zip")


def compare_with_forecast(
    home: Path, data: DataSet, source: SourceNetwork, strategy: Strategy
) -> Row:
    """One run: its forecast, then the run itself."""
    began = time.perf_counter()
    forecast = forecast_run(data, source, strategy, home)
    asked = time.perf_counter() - began
    config = make_run_config(data, source, strategy, seed=0)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        events = list(perform_run(config, Path(directory), home, lambda: False))
    took = time.perf_counter() - began
    ended = [event for event in events if isinstance(event, Ended)][-1]
    low, high = forecast.total.low, forecast.total.high
    return {
        "data": data.name,
        "network": source.title.partition(",")[0],
        "pixels": source.input_size,
        "case": strategy.case.value,
        "forecast after, s": asked,
        "low, s": low,
        "high, s": high,
        "took, s": took,
        "epochs": ended.epochs,
        "of": strategy.optimiser.epochs,
        "within": "yes" if low <= took <= high else "NO",
    }


def load_network(name: str, size: int | None) -> SourceNetwork:
    """A network of the catalog, with random weights where the published ones are not here."""
    source = get_network(name)
    if not has_weights(source):
        from transfer_core.networks import import_weights, torchvision_modules

        model = torchvision_modules.build_model(source.architecture, 1000, source.input_size)
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            save_file(model.state_dict(), file.name)
            source = import_weights(Path(file.name), source, "random weights")
    return source.with_input_size(size)


def main() -> None:
    """Forecast and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="*")
    parser.add_argument("--network", default=DEFAULT_NETWORK)
    parser.add_argument("--epochs", type=int, help="at most")
    parser.add_argument("--input-size", type=int)
    options = parser.parse_args()
    rows: list[Row] = []
    for path in options.data or [find_shared_zip(name) for name in IMAGE_SETS]:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TRANSFER_HOME"], home = folder, Path(folder)
            source = load_network(options.network, options.input_size)
            data = dataset.ingest(path, home=home)
            for case in TransferCase:
                strategy = plan_strategy(case, source.stage_names, kind=source.kind)
                limited = replace(
                    strategy.optimiser, epochs=options.epochs or strategy.optimiser.epochs
                )
                rows.append(
                    compare_with_forecast(home, data, source, replace(strategy, optimiser=limited))
                )
    print(*format_table(rows), f"Load average {os.getloadavg()[0]:.1f}.", sep="\n")


if __name__ == "__main__":
    main()
