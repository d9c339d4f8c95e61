"""One run on several devices beside the same run on one, on the same cores and images.

    python -m benchmarks.workers [--seeds 3] [--devices 2] [--data sample:plankton] [--case 3]

Each seed trains twice, in turn: one process with all cores, and as many as there are devices with
an equal part of the cores each. It tells the test accuracy and the seconds of the training, without
preparing. Efficiency is the seconds of one over the seconds of several: on the same cores at most
about 1, and on as many times the devices about the speed-up for each device.
"""

import argparse
import os
import statistics
import tempfile
from argparse import RawDescriptionHelpFormatter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.report import Claim, Row, format_table
from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset import samples
from transfer_core.networks import get_network
from transfer_core.system import let_threads_sleep
from transfer_core.training import Ended, RunConfig

MIN_EFFICIENCY = 0.8  # wanted on the same cores


def perform(engine, config: RunConfig, name: str) -> Row:
    """Perform a run and return its figures."""
    from transfer_core.runs import find_last_event, get_result

    run = engine.wait(engine.submit(config, name))
    result = get_result(engine, run.id).result
    ended = find_last_event(engine.events(run.id), Ended)
    return {
        "seed": config.seed,
        "devices": config.devices,
        "test accuracy": result.accuracy,
        "low": result.low,
        "high": result.high,
        "epochs": ended.epochs,
        "training, s": ended.seconds,
        "images/s": ended.images_per_second,
        "load": os.getloadavg()[0],
    }


def summarise(rows: list[Row], devices: int) -> list[Claim]:
    """What several devices must show beside one, in pairs of the same seed."""
    pairs = [
        [next(r for r in rows if r["seed"] == seed and r["devices"] == n) for n in (1, devices)]
        for seed in dict.fromkeys(row["seed"] for row in rows)
    ]
    differences = [many["test accuracy"] - one["test accuracy"] for one, many in pairs]
    # Half of the interval of one result: what chance in the test images alone makes of it.
    noise = statistics.mean((one["high"] - one["low"]) / 2 for one, _many in pairs)
    efficiency = statistics.median(one["training, s"] / many["training, s"] for one, many in pairs)
    difference = abs(statistics.mean(differences))
    return [
        Claim("mean difference of test accuracy, in size", difference, at_most=noise),
        Claim("efficiency, median", efficiency, at_least=MIN_EFFICIENCY),
    ]


def main() -> None:
    """Run the pairs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--devices", type=int, default=2)
    parser.add_argument("--data", default="sample:plankton", help="zip, folder or sample:NAME")
    parser.add_argument("--network", default="demonstration")
    parser.add_argument("--case", type=int, choices=(3, 4), default=3)
    parser.add_argument("--epochs", type=int, help="in place of the usual number")
    parser.add_argument("--batch-size", type=int, help="of all devices together")
    options = parser.parse_args()
    let_threads_sleep()  # as the app does
    from transfer_core.runs import make_run_config, start_engine

    source, rows = get_network(options.network), []
    strategy = plan_strategy(TransferCase(options.case), source.stage_names, kind=source.kind)
    given = {"epochs": options.epochs, "batch_size": options.batch_size}
    given = {name: value for name, value in given.items() if value is not None}
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, **given))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRANSFER_HOME"], home = folder, Path(folder)
        data = dataset.ingest(samples.resolve_path(options.data, home), home=home)
        with closing(start_engine(home, resume=False, executor="process")) as engine:
            for seed in range(options.seeds):
                one = make_run_config(data, source, strategy, seed)
                pair = [one, replace(one, devices=options.devices)]
                for config in pair if seed % 2 == 0 else pair[::-1]:
                    rows.append(perform(engine, config, f"seed {seed}"))
                    print(*format_table(rows)[-1:], flush=True)
    print("", *format_table(rows), "", *summarise(rows, options.devices), sep="\n")


if __name__ == "__main__":
    main()
