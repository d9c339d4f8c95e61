"""Measured costs, kept on disk for a while, so that asking again costs nothing."""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

import torch

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork
from transfer_core.system.devices import choose_device
from transfer_core.system.files import hash_bytes, write_atomically
from transfer_core.system.precision import Precision
from transfer_core.timing.measurement import (
    StepCosts,
    TimeRange,
    measure_decoding_cost,
    measure_step_costs,
)

MAX_AGE_SECONDS = 24 * 3600  # seconds; what else a computer has to do changes


def load_or_measure_costs(
    home: Path,
    source: SourceNetwork,
    strategy: Strategy,
    num_classes: int,
    precision: Precision,
) -> StepCosts:
    """What the steps of a strategy cost on this computer; see `measuring.measure`."""
    optimiser = strategy.optimiser
    key = (
        source.architecture,
        source.input_size,
        choose_device(),
        precision,
        strategy.keep_through,
        strategy.frozen,
        num_classes,
        optimiser.batch_size,
        optimiser.augment,
    )
    values = _load_or_measure(
        home, key, lambda: asdict(measure_step_costs(source, strategy, num_classes, precision))
    )
    return StepCosts(**{field.name: TimeRange(**values[field.name]) for field in fields(StepCosts)})


def load_or_measure_decoding_cost(
    home: Path, data_set: DataSet, source: SourceNetwork
) -> TimeRange:
    """What decoding a byte of the data set's images for a network costs."""
    key = data_set.id, source.transform.key
    return TimeRange(
        **_load_or_measure(
            home, key, lambda: asdict(measure_decoding_cost(home, data_set, source.transform))
        )
    )


def _load_or_measure(home: Path, key: tuple, measure: Callable[[], dict]) -> dict:
    """Values from disk, measured where they are missing, old or another computer's."""
    machine = platform.node(), platform.machine(), os.cpu_count(), torch.get_num_threads()
    named = json.dumps([machine, torch.__version__, key])
    file = home / "timings" / f"{hash_bytes(named.encode())[:32]}.json"
    if file.is_file() and time.time() - file.stat().st_mtime < MAX_AGE_SECONDS:
        return json.loads(file.read_text(encoding="utf-8"))
    values = measure()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(values))
    return values
